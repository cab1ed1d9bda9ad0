//! Columns beside rows, and programs over what another one tells.

use super::Sandbox;
use serde_json::{Value as Json, json};

/// Three replicas of a service, one of which comes later and once more, as lines of a health check.
const HEALTH: [(i64, &str, &str); 13] = [
    (0, "auth-0", "UP"),
    (0, "auth-1", "UP"),
    (60, "auth-0", "DOWN"),
    (90, "auth-0", "DOWN"),
    (120, "auth-1", "DOWN"),
    (180, "auth-0", "UP"),
    (200, "auth-2", "DOWN"),
    (240, "auth-1", "UP"),
    (270, "auth-1", "UP"),
    (300, "auth-2", "UP"),
    (400, "auth-2", "DOWN"),
    (420, "auth-2", "UP"),
    (600, "auth-0", "UP"),
];

/// Rows of `eval` have both ends of an alert, so one file is two logs of one key.
const SERVICES: &str = r#"
source began { key service  time start_ns in ns  alert: string }
source ended { key service  time end_ns in ns  alert: string }
let replicas = count(began.alert == "seen")
let down     = count(began.alert == "down") - count(ended.alert == "down")
metric any_down = duration_where(down >= 1)
metric all_down = duration_where(down >= 1 && down >= replicas)
"#;

fn health() -> String {
    let line = |(t, replica, status): &(i64, &str, &str)| {
        json!({"replica": replica, "time": t, "service": "auth", "status": status}).to_string() + "\n"
    };
    HEALTH.iter().map(line).collect()
}

fn rows(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}

#[test]
fn a_program_over_the_rows_of_another_knows_when_all_replicas_were_down() {
    let sandbox = Sandbox::new();
    let program = include_str!("../../examples/replicas/health.tl");
    sandbox.file("health.tl", program);
    sandbox.file("services.tl", SERVICES);
    sandbox.file("health.ndjson", health());
    let run = sandbox.run(&["eval", "health.tl", "health.ndjson", "--show", "alerts"]);
    let told = rows(&run.stdout);
    assert!(told.len() == 7 && told.iter().all(|row| row["service"] == "auth"), "{}", run.stdout);
    // What is still on has no end, and so no place in the log of ends.
    let ended: String =
        run.stdout.lines().filter(|line| !line.contains("\"end\":null")).map(|l| format!("{l}\n")).collect();
    sandbox.file("began.ndjson", run.stdout);
    sandbox.file("ended.ndjson", ended);
    let run = sandbox.run(&[
        "eval",
        "services.tl",
        "began=began.ndjson",
        "ended=ended.ndjson",
        "--sorted",
        "--until",
        "1970-01-01T00:10:00Z",
    ]);
    let values: Vec<(Json, Json)> =
        rows(&run.stdout).iter().map(|row| (row["metric"].clone(), row["value"].clone())).collect();
    assert_eq!(values, [(json!("any_down"), json!(260)), (json!("all_down"), json!(60))], "{}", run.stderr);
}

const PROGRAM: &str = r#"
source s { key k  time t in s  end when page == "bye"  page: string, on: bool, n: int }
alert  up   = latest(on) with page = latest(page), n = latest(n)
alert  bare = latest(on)
metric time = duration_where(latest(on)) with page = latest(page)
metric hour = duration_where(latest(on)) every 1m with n = n
"#;

const LOG: &str = r#"{"k":"a","t":0,"page":"home","on":true,"n":1}
{"k":"a","t":10,"page":"shop","n":2}
{"k":"a","t":20,"on":false}
{"k":"a","t":70,"on":true,"n":3}
{"k":"a","t":80,"page":"bye"}
{"k":"b","t":90,"on":true}
{"k":"b","t":95,"page":"pay","n":7}
"#;

#[test]
fn values_are_those_of_the_beginning_or_of_the_reading() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("log.ndjson", LOG);
    let csv = |show: &str| sandbox.run(&["eval", "p.tl", "log.ndjson", "--show", show, "--format", "csv"]).stdout;
    let day = "1970-01-01T00";
    assert_eq!(
        csv("alerts"),
        format!(
            "session,alert,page,n,start,end\n\
             a,up,home,1,{day}:00:00.000000000Z,{day}:00:20.000000000Z\n\
             a,up,shop,3,{day}:01:10.000000000Z,{day}:01:20.000000000Z\n\
             b,up,,,{day}:01:30.000000000Z,\n\
             a,bare,,,{day}:00:00.000000000Z,{day}:00:20.000000000Z\n\
             a,bare,,,{day}:01:10.000000000Z,{day}:01:20.000000000Z\n\
             b,bare,,,{day}:01:30.000000000Z,\n"
        )
    );
    let finals = csv("final");
    let wanted = [
        "a,time,,bye,,30,",
        "b,time,,pay,,5,",
        "a,hour,1970-01-01T00:00:00Z,,2,20,",
        "a,hour,1970-01-01T00:01:00Z,,3,10,",
    ];
    for row in wanted {
        assert!(finals.lines().any(|line| line.starts_with(row)), "{row} of\n{finals}");
    }
    // In every other format they have the same names.
    for format in ["json", "jsonl", "table"] {
        let run = sandbox.run(&["eval", "p.tl", "log.ndjson", "--show", "alerts", "--format", format]);
        assert!(run.stdout.contains("page") && run.stdout.contains("shop"), "{format}: {}", run.stdout);
    }
}

#[cfg(feature = "sql")]
#[test]
fn a_processor_has_them_before_and_after_it_was_killed() {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("log.ndjson", LOG);
    let start = || {
        let args = ["p.tl", "--source", "file:log.ndjson", "--state", "state"];
        crate::cluster::Processor::start(sandbox.command(), &args)
    };
    let check = |processor: &crate::cluster::Processor| {
        let ask = |sql: &str| processor.rows(&sandbox, sql, &["--sync"]).expect("an answer");
        let up = ask("SELECT session, page, n, \"end\" IS NULL AS open FROM up ORDER BY start");
        let row = |session: &str, page: Option<&str>, n: Option<i64>, open: bool| json!({"session": session, "page": page, "n": n, "open": open});
        assert_eq!(
            up,
            [
                row("a", Some("home"), Some(1), false),
                row("a", Some("shop"), Some(3), false),
                row("b", None, None, true)
            ]
        );
        let with = ask("SELECT \"with\" FROM alerts WHERE alert = 'up' ORDER BY start");
        let with: Vec<Json> =
            with.iter().map(|row| serde_json::from_str(row["with"].as_str().unwrap()).unwrap()).collect();
        let object = |page: Option<&str>, n: Option<i64>| json!({"page": page, "n": n});
        assert_eq!(with, [object(Some("home"), Some(1)), object(Some("shop"), Some(3)), object(None, None)]);
        assert_eq!(ask("SELECT \"with\" FROM alerts WHERE alert = 'bare' AND \"with\" IS NOT NULL"), [Json::Null; 0]);
        assert_eq!(ask("SELECT count(*) AS n FROM bare"), [json!({"n": 3})]);
        assert_eq!(
            ask("SELECT session, page, value FROM time ORDER BY session"),
            [json!({"session": "a", "page": "bye", "value": 30}), json!({"session": "b", "page": "pay", "value": 5})]
        );
        let hours = ask("SELECT n, value FROM hour WHERE session = 'a' ORDER BY start");
        assert_eq!(hours, [json!({"n": 2, "value": 20}), json!({"n": 3, "value": 10})]);
        assert_eq!(ask("SELECT page FROM finals WHERE metric = 'time' AND closed"), [json!({"page": "bye"})]);
    };
    let processor = start();
    check(&processor);
    std::thread::sleep(std::time::Duration::from_millis(2500));
    drop(processor);
    // What was over is in history now.
    check(&start());
}
