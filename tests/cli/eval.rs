//! `timeline eval`: arguments, inputs, formats, and what goes to which stream.
//!
//! The values of the session are worked out by hand: cdn C1 at 0, buffer 3 to 8, play 8 to 21, buffer 21 to 24
//! (within 5 s of a seek at 20), play 24 to 40, buffer 40 to 52, play 52 to 60, cdn C2 at 55, buffer 60 to 70
//! (within 5 s of a seek from 63 to 68), play 70 to the end at 75.

use super::Sandbox;
use std::process::Stdio;

const PROGRAM: &str = r#"
source player {
  key session
  time ts in s
  end when userAction == "end"
  playerState: string, userAction: string, cdn: string
}
let seeking   = has_existed_within(userAction == "seek", 5s)
let buffering = latest(playerState) == "buffer"
metric cirr = duration_where(has_existed(playerState == "play") && !seeking && buffering) split by latest(cdn)
              | aggregate(group_by(cdn), count, sum)
alert stuck = held_for(buffering, 4s)
"#;

const EVENTS: [(u32, &str, &str); 13] = [
    (0, "cdn", "C1"),
    (3, "playerState", "buffer"),
    (8, "playerState", "play"),
    (20, "userAction", "seek"),
    (21, "playerState", "buffer"),
    (24, "playerState", "play"),
    (40, "playerState", "buffer"),
    (52, "playerState", "play"),
    (55, "cdn", "C2"),
    (60, "playerState", "buffer"),
    (63, "userAction", "seek"),
    (70, "playerState", "play"),
    (75, "userAction", "end"),
];

fn lines(events: &[(u32, &str, &str)]) -> String {
    events.iter().map(|(t, k, v)| format!("{{\"session\":\"s1\",\"ts\":{t},\"{k}\":\"{v}\"}}\n")).collect()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("p.tl", PROGRAM);
    sandbox.file("e.ndjson", lines(&EVENTS));
    sandbox
}

const FINALS: &str = "\
{\"session\":\"s1\",\"metric\":\"cirr\",\"cdn\":\"C1\",\"value\":12,\"start\":\"1970-01-01T00:00:00.000000000Z\",\"start_ns\":0,\"end\":\"1970-01-01T00:01:15.000000000Z\",\"end_ns\":75000000000,\"closed\":true,\"partial\":false}
{\"session\":\"s1\",\"metric\":\"cirr\",\"cdn\":\"C2\",\"value\":5,\"start\":\"1970-01-01T00:00:00.000000000Z\",\"start_ns\":0,\"end\":\"1970-01-01T00:01:15.000000000Z\",\"end_ns\":75000000000,\"closed\":true,\"partial\":false}
";

#[test]
fn the_same_answer_from_every_kind_of_input() {
    let sandbox = sandbox();
    assert_eq!(sandbox.run(&["eval", "p.tl", "e.ndjson"]).expect(0, FINALS).stderr, "");
    sandbox.run(&["eval", "p.tl", "player=e.ndjson", "--threads", "3"]).expect(0, FINALS);
    sandbox.feed(&["eval", "p.tl", "-"], lines(&EVENTS).as_bytes()).expect(0, FINALS);
    sandbox.run(&["eval", "-e", PROGRAM, "e.ndjson"]).expect(0, FINALS);
    // Two files are one log in the order of their names, however they are named on the command line.
    sandbox.file("a.ndjson", lines(&EVENTS[..7]));
    sandbox.file("b.ndjson", lines(&EVENTS[7..]));
    sandbox.run(&["eval", "p.tl", "b.ndjson", "a.ndjson"]).expect(0, FINALS);
    let cell = |(t, k, v): &(u32, &str, &str)| {
        let of = |name: &str| if *k == name { *v } else { "" };
        format!("s1,{t},{},{},{}\n", of("playerState"), of("userAction"), of("cdn"))
    };
    let csv: String = EVENTS.iter().map(cell).collect();
    sandbox.file("e.csv", format!("session,ts,playerState,userAction,cdn\n{csv}"));
    sandbox.run(&["eval", "p.tl", "e.csv"]).expect(0, FINALS);
}

#[test]
fn four_things_to_show() {
    let sandbox = sandbox();
    let csv = |show: &str, expect: &str| {
        sandbox.run(&["eval", "p.tl", "e.ndjson", "--format", "csv", "--show", show]).expect(0, expect);
    };
    csv("totals", "metric,cdn,count,sum\ncirr,C1,1,12\ncirr,C2,1,5\n");
    csv(
        "alerts",
        "session,alert,start,end\n\
         s1,stuck,1970-01-01T00:00:07.000000000Z,1970-01-01T00:00:08.000000000Z\n\
         s1,stuck,1970-01-01T00:00:44.000000000Z,1970-01-01T00:00:52.000000000Z\n\
         s1,stuck,1970-01-01T00:01:04.000000000Z,1970-01-01T00:01:10.000000000Z\n",
    );
    let spans = sandbox.run(&["eval", "p.tl", "e.ndjson", "--format", "csv", "--show", "spans"]);
    assert_eq!(spans.stdout.lines().count(), 1 + 3 + 5, "{}", spans.stdout);
    let finals = sandbox.run(&["eval", "p.tl", "e.ndjson", "--format", "csv"]).stdout;
    assert!(finals.starts_with("session,metric,cdn,value,start,end,closed,partial\ns1,cirr,C1,12,"), "{finals}");
}

#[test]
fn until_cuts_in_the_sources_unit_or_by_date() {
    let sandbox = sandbox();
    let open = "{\"metric\":\"cirr\",\"cdn\":\"C1\",\"count\":1,\"sum\":10}\n";
    for until in ["50", "50.0", "1970-01-01T00:00:50Z"] {
        sandbox.run(&["eval", "p.tl", "e.ndjson", "--show", "totals", "--until", until]).expect(0, open);
    }
    assert_eq!(sandbox.run(&["eval", "p.tl", "e.ndjson", "--until", "noon"]).code, 2);
    // Before the first event there is nothing, which is said.
    let run = sandbox.run(&["eval", "p.tl", "e.ndjson", "--until", "1969-12-31T00:00:00Z"]).expect(0, "");
    assert!(
        run.stderr.contains("the first event is at 1970-01-01T00:00:00Z, and `--until` is before it"),
        "{}",
        run.stderr
    );
    assert!(!sandbox.run(&["eval", "p.tl", "e.ndjson", "--until", "0"]).stderr.contains("--until"));
}

#[test]
fn an_expression_finds_key_time_and_types_in_the_data() {
    let sandbox = sandbox();
    let expression = "duration_where(latest(playerState) == \"buffer\")";
    let answer = "{\"session\":\"s1\",\"metric\":\"result\",\"value\":30,\"start\":\"1970-01-01T00:00:00.000000000Z\",\"start_ns\":0,\"end\":null,\"end_ns\":null,\"closed\":false,\"partial\":false}\n";
    sandbox.run(&["eval", "-e", expression, "e.ndjson"]).expect(0, answer);
    sandbox.feed(&["eval", "-e", expression, "-"], lines(&EVENTS).as_bytes()).expect(0, answer);
    sandbox.run(&["eval", "-e", expression, "e.ndjson", "--key", "session", "--time", "ts in s"]).expect(0, answer);
    sandbox.file("x.tl", expression);
    sandbox.run(&["eval", "x.tl", "e.ndjson", "--time", "ts"]).expect(0, answer);
    sandbox.file("renamed.ndjson", lines(&EVENTS).replace("\"ts\"", "\"when\"").replace("\"session\"", "\"viewer\""));
    let lost = sandbox.run(&["eval", "-e", expression, "renamed.ndjson"]).expect(1, "");
    assert!(lost.stderr.contains("--key") && lost.stderr.contains("viewer"), "{}", lost.stderr);
    sandbox
        .run(&["eval", "-e", expression, "renamed.ndjson", "--key", "viewer", "--time", "when in s"])
        .expect(0, answer);
    sandbox.file("empty.ndjson", "");
    sandbox.run(&["eval", "-e", expression, "empty.ndjson"]).expect(0, "");
}

#[test]
fn what_is_set_aside_is_counted_and_changes_nothing() {
    let sandbox = sandbox();
    let bad = format!("{}not json\n{{\"session\":\"s1\",\"ts\":3}}\n", lines(&EVENTS));
    sandbox.file("bad.ndjson", bad);
    let run = sandbox.run(&["eval", "p.tl", "bad.ndjson"]).expect(0, FINALS);
    assert!(run.stderr.contains("15 records, 1 late event, 1 dead letter (TL2002: 1)"), "{}", run.stderr);
}

#[test]
fn wrong_usage_missing_files_and_wrong_programs() {
    let sandbox = sandbox();
    let check = |args: &[&str], code: i32, says: &str| {
        let run = sandbox.run(&[&["eval"], args].concat()).expect(code, "");
        assert!(run.stderr.contains(says), "{args:?}: {}", run.stderr);
    };
    check(&["p.tl"], 2, "which files");
    check(&["p.tl", "x=e.ndjson"], 2, "no source `x`");
    check(&["p.tl", "-", "-"], 2, "only once");
    check(&["p.tl", "e.ndjson", "--key", "session"], 2, "declares its source");
    check(&["p.tl", "e.ndjson", "--show", "everything"], 2, "alerts");
    check(&["-e", "latest(playerState)", "e.ndjson", "--time", "ts in weeks"], 2, "weeks");
    check(&["p.tl", "none.ndjson"], 4, "none.ndjson");
    sandbox.file("e.parquet", "this is no parquet");
    check(&["p.tl", "e.parquet"], 4, "e.parquet");
    check(&["none.tl", "e.ndjson"], 4, "none.tl");
    sandbox.file("wrong.tl", format!("{PROGRAM}\nmetric b = latest(nope)\n"));
    check(&["wrong.tl", "e.ndjson"], 1, "wrong.tl:14:19");
    sandbox.file("nothing.tl", "source s { key k  time t in ms  x: int }");
    check(&["nothing.tl", "e.ndjson"], 1, "no metric");
}

#[test]
fn several_sources_are_bound_by_name() {
    let sandbox = sandbox();
    sandbox.file("two.tl", format!("{PROGRAM}\nsource web {{ key u  time t in s  page: string }}\nmetric a = duration_where(latest(page) == \"a\") | aggregate(sum)\n"));
    sandbox.file("w.ndjson", "{\"u\":\"u1\",\"t\":1,\"page\":\"a\"}\n{\"u\":\"u1\",\"t\":4.5,\"page\":\"b\"}\n");
    let args = ["eval", "two.tl", "--show", "totals", "--format", "csv"];
    let run = sandbox.run(&[&args[..], &["web=w.ndjson", "player=e.ndjson"]].concat());
    run.expect(0, "metric,cdn,count,sum\ncirr,C1,1,12\ncirr,C2,1,5\na,,,3.5\n");
    assert_eq!(sandbox.run(&[&args[..], &["w.ndjson", "player=e.ndjson"]].concat()).code, 2);
    assert_eq!(sandbox.run(&[&args[..], &["player=e.ndjson"]].concat()).code, 2);
}

#[test]
fn binary_formats_carry_exact_types() {
    let sandbox = sandbox();
    for format in ["arrow", "parquet"] {
        let mut command = sandbox.command();
        let output = command.args(["eval", "p.tl", "e.ndjson", "--format", format]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        sandbox.file(&format!("out.{format}"), &output.stdout);
    }
    let file = std::fs::File::open(sandbox.path().join("out.parquet")).unwrap();
    let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let rows = builder.build().unwrap().next().unwrap().unwrap();
    let file = std::fs::File::open(sandbox.path().join("out.arrow")).unwrap();
    let stream = arrow::ipc::reader::StreamReader::try_new(file, None).unwrap().next().unwrap().unwrap();
    assert_eq!(rows.columns(), stream.columns());
    let schema = rows.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(
        names,
        [
            "session",
            "metric",
            "cdn",
            "value",
            "value_exact",
            "value_text",
            "value_bool",
            "start",
            "start_ns",
            "end",
            "end_ns",
            "closed",
            "partial"
        ]
    );
    assert_eq!(rows.column(3).data_type(), &arrow::datatypes::DataType::Float64);
    assert_eq!(rows.column(4).data_type(), &arrow::datatypes::DataType::Decimal128(38, 9));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let sandbox = sandbox();
    for format in ["table", "json", "jsonl", "csv", "arrow", "parquet"] {
        // The command waits for its input until nobody reads its output any more.
        let mut command = sandbox.command();
        command.args(["eval", "p.tl", "-", "--format", format]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        drop(child.stdin.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        let said = String::from_utf8(output.stderr).unwrap();
        let wanted = "timeline: [TL2149] player: no events were read of standard input (0 records)\n  help: ";
        assert!(said.starts_with(wanted) && said.lines().count() == 2, "{format}: {said}");
    }
}

#[test]
fn dead_letters_are_all_counted_and_the_first_shown() {
    let sandbox = Sandbox::new();
    let lines = format!("{}{{\"k\":\"a\",\"t\":1,\"b\":true}}\n", "x\n".repeat(25_000));
    sandbox.file("log.ndjson", lines);
    sandbox.file("p.tl", "source s { key k  time t in s  b: bool }\nmetric m = has_existed(b)\n");
    let run = sandbox.run(&["eval", "p.tl", "log.ndjson", "--format", "csv"]);
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("25000 dead letters (TL2002: 25000)"), "{}", run.stderr);
    assert!(run.stderr.contains("log.ndjson at 0: ") && run.stderr.contains("... and 24997 more"), "{}", run.stderr);
    // They are listed a page at a time, however many are kept.
    let listed = |more: &[&str]| {
        let run = sandbox.run(&[&["eval", "p.tl", "log.ndjson", "--show", "dead_letters"], more].concat());
        let position = |line: &str| {
            line.split("\"position\":\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
        };
        (run.stdout.lines().filter_map(position).collect::<Vec<_>>(), run.stderr)
    };
    let (first, said) = listed(&[]);
    assert_eq!(first.len(), 10_000);
    assert!(said.contains("timeline: 10000 of 25000 rows; the rest: --offset 10000\n"), "{said}");
    let (second, said) = listed(&["--offset", "10000", "--limit", "12000"]);
    assert!(said.contains("timeline: 10001 to 22000 of 25000 rows; the rest: --offset 22000\n"), "{said}");
    let (third, said) = listed(&["--offset", "22000"]);
    assert!(!said.contains("--offset"), "{said}");
    let all = [first, second, third].concat();
    assert_eq!(
        (all.len(), all.first().map(String::as_str), all.last().map(String::as_str)),
        (25_000, Some("0:0"), Some("0:49998"))
    );
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 25_000, "each of them once");
    let (none, said) = listed(&["--offset", "25000"]);
    assert!(none.is_empty() && said.contains("no rows: --offset 25000 passes over all 25000"), "{said}");
}

#[test]
fn rows_are_shown_a_page_at_a_time() {
    let sandbox = sandbox();
    let (first, second) = FINALS.split_at(FINALS.find('\n').unwrap() + 1);
    let page = |more: &[&str]| sandbox.run(&[&["eval", "p.tl", "e.ndjson"], more].concat());
    let run = page(&["--limit", "1"]).expect(0, first);
    assert_eq!(run.stderr, "timeline: 1 of 2 rows; the rest: --offset 1\n");
    assert_eq!(page(&["--limit", "1", "--offset", "1"]).expect(0, second).stderr, "");
    assert_eq!(page(&["--limit", "2"]).expect(0, FINALS).stderr, "");
}

#[test]
fn an_event_after_the_end_of_its_session_is_counted_at_the_end_of_the_log_too() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "p.tl",
        "source s { key k  time t in s  lateness 5s  end when a == \"z\" linger 2s  a: string }\nmetric m = count(a)\n",
    );
    // The session ends at 2 and lingers until 4, which still waits when the log ends.
    let line = |t: u32, a: &str| format!("{{\"k\":\"x\",\"t\":{t},\"a\":\"{a}\"}}\n");
    sandbox.file("e.ndjson", [line(1, "x"), line(2, "z"), line(4, "x"), line(9, "x")].concat());
    let run = sandbox.run(&["eval", "p.tl", "e.ndjson", "--format", "csv"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.stdout.lines().count(), 3, "{}", run.stdout);
    assert_eq!(run.stderr, "timeline: s: 4 records, 1 late event, 0 dead letters\n");
}

#[test]
fn how_long_is_waited_for_events_changes_no_answer_of_a_log_in_order() {
    let sandbox = Sandbox::new();
    let line = |t: u32, a: &str| format!("{{\"k\":\"x\",\"t\":{t},\"a\":\"{a}\"}}\n");
    let log = [(0, "play"), (50, "stop"), (51, "play"), (100, "stop"), (1901, "play"), (1911, "play")];
    sandbox.file("e.ndjson", log.map(|(t, a)| line(t, a)).concat());
    let answer = |clauses: &str| {
        let source =
            format!("source s {{ key k  time t in s  {clauses}  end when a == \"stop\" or after 30m  a: string }}");
        sandbox.file("p.tl", format!("{source}\nmetric m = duration_where(latest(a) == \"play\")\n"));
        let run = sandbox.run(&["eval", "p.tl", "e.ndjson", "--show", "final", "--format", "csv"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(run.stderr, "", "nothing is late, {clauses}");
        run.stdout
    };
    let known = answer("");
    assert_eq!(known.lines().count(), 4, "three sessions and the header: {known}");
    for clauses in ["lateness 2s", "lateness 1h", "lateness 1m  late repair keep 2h"] {
        assert_eq!(answer(clauses), known, "{clauses}");
    }
}
