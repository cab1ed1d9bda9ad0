//! What metrics were at an instant of event time, held to `eval --until` of the same log.

use super::{Server, run};
use serde_json::{Value as Json, json};
use std::fs::OpenOptions;
use std::io::Write;

const PROGRAM: &str = r#"source player {
  key session
  time ts in s
  lateness 5s
  end when action == "end" or after 40s
  state: string, action: string, cdn: string, rate: float
}
let stalled = latest(state) == "buffer"
metric stall   = duration_where(stalled) split by latest(cdn)
metric played  = duration_where(latest(state) == "play") | aggregate(count, sum)
metric ratio   = stall / (stall + duration_where(latest(state) == "play"))
metric minute  = duration_where(stalled) every 1m | aggregate(group_by(every), count, sum)
metric shown   = latest(state)
metric highest = max(rate)
alert  stuck   = held_for(stalled, 5s)
"#;

/// Seven sessions and their successors: silent now and then, ended by events, out of order, and some events too late.
fn log() -> Vec<u8> {
    let mut log = vec![];
    for i in 0_i64..600 {
        let key = i * i % 7;
        let late = if i % 41 == 40 { 30 } else { i * 7919 % 6 };
        let ts = (i * 2 - late).max(0);
        let state = ["play", "buffer", "pause"][(i / 7 % 3) as usize];
        let more = match i % 13 {
            0 => r#","action":"end""#.to_owned(),
            1 | 5 => format!(r#","cdn":"C{}""#, i % 4),
            2 => format!(r#","rate":{}.5"#, i % 17),
            _ => String::new(),
        };
        writeln!(log, r#"{{"session":"s{key}","ts":{ts},"state":"{state}"{more}}}"#).unwrap();
    }
    log
}

/// The columns that both tell of a row.
fn sorted(rows: &[Json], dimensions: &[&str]) -> Vec<String> {
    let columns = ["session", "value", "start_ns", "end_ns", "closed", "partial"].iter().chain(dimensions);
    let columns: Vec<&&str> = columns.collect();
    let mut rows: Vec<String> =
        rows.iter().map(|row| columns.iter().map(|column| format!("{} ", row[**column])).collect()).collect();
    rows.sort();
    rows
}

fn instant(seconds: i64) -> String {
    format!("TIMESTAMP '1970-01-01T{:02}:{:02}:{:02}Z'", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[test]
fn metrics_are_as_eval_says_of_the_log_cut_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("p.tl"), PROGRAM).unwrap();
    std::fs::write(dir.path().join("log.ndjson"), log()).unwrap();
    let server = Server::start_with(dir.path(), &["p.tl"], &["--source", "file:log.ndjson"]);
    let metrics: [(&str, &[&str]); 6] = [
        ("stall", &["cdn"]),
        ("played", &[]),
        ("ratio", &["cdn"]),
        ("minute", &["every"]),
        ("shown", &[]),
        ("highest", &[]),
    ];
    let mut compared = 0;
    for seconds in [0, 1, 17, 60, 61, 200, 599, 900, 1100] {
        let until = seconds.to_string();
        let all = run(dir.path(), &["eval", "p.tl", "log.ndjson", "--until", &until, "--format", "jsonl"]);
        for (metric, dimensions) in metrics {
            let expected: Vec<Json> = all.iter().filter(|row| row["metric"] == metric).cloned().collect();
            let found = server.rows(&format!("SELECT * FROM metric_at('{metric}', {})", instant(seconds)));
            assert_eq!(sorted(&found, dimensions), sorted(&expected, dimensions), "{metric} at {seconds}");
            compared += found.len();
        }
    }
    assert!(compared > 500, "{compared}");
    // What comes later changes nothing of what was.
    let before = server.rows(&format!("SELECT * FROM metric_at('stall', {})", instant(200)));
    let mut log = OpenOptions::new().append(true).open(dir.path().join("log.ndjson")).unwrap();
    writeln!(log, r#"{{"session":"s1","ts":3000,"state":"buffer"}}"#).unwrap();
    let after = server.rows(&format!("SELECT * FROM metric_at('stall', {})", instant(200)));
    assert_eq!(sorted(&after, &["cdn"]), sorted(&before, &["cdn"]));
    let bound = format!("SELECT count(*) AS n FROM metric_at('stall', {}) WHERE session = 's1'", instant(200));
    let own = before.iter().filter(|row| row["session"] == "s1").count();
    assert_eq!(server.rows(&bound), [json!({ "n": own })]);
}
