//! The golden traces of the language, through the command as a user runs it. Times are in seconds.

use crate::cli::Sandbox;
use serde_json::Value as Json;

/// A source of one boolean column; the first event is at 0 and says false.
const SOURCE: &str = "source s { key k  time t in s  b: bool }\n";

/// Evaluates `metric m = EXPR` over events of `b` and shows spans as `(start, end, value)`, up to 40 s.
fn spans(expression: &str, events: &[(u32, bool)]) -> Vec<(f64, Option<f64>, String)> {
    let sandbox = Sandbox::new();
    let lines = events.iter().map(|(t, b)| format!("{{\"k\":\"x\",\"t\":{t},\"b\":{b}}}\n"));
    sandbox.file("e.ndjson", lines.collect::<String>());
    sandbox.file("p.tl", format!("{SOURCE}metric m = {expression}\n"));
    let run = sandbox.run(&["eval", "p.tl", "e.ndjson", "--until", "40", "--show", "spans", "--format", "jsonl"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let rows = run.stdout.lines().map(|line| serde_json::from_str::<Json>(line).expect("a row"));
    let seconds = |row: &Json, name: &str| row[name].as_i64().map(|ns| ns as f64 / 1e9);
    rows.map(|row| (seconds(&row, "start_ns").expect("a start"), seconds(&row, "end_ns"), row["value"].to_string()))
        .collect()
}

/// The spans on which the expression is true.
fn true_spans(expression: &str, events: &[(u32, bool)]) -> Vec<(f64, Option<f64>)> {
    let rows = spans(expression, events).into_iter().filter(|(_, _, value)| value == "true");
    rows.map(|(start, end, _)| (start, end)).collect()
}

#[test]
fn r1_one_viewer() {
    let sandbox = Sandbox::new();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/");
    let (program, log) = (format!("{examples}one-viewer.tl"), format!("{examples}one-viewer.ndjson"));
    let run = sandbox.run(&["eval", &program, &log, "--format", "csv"]);
    let rows: Vec<String> =
        run.stdout.lines().skip(1).map(|line| line.split(',').take(4).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(rows, ["R1,cirr,C1,12", "R1,cirr,C2,5", "R1,playing_time,,42", "R1,cirr_ratio,,0.288135593220339"]);
    let run = sandbox.run(&["eval", &program, &log, "--show", "totals", "--format", "csv"]);
    assert_eq!(run.stdout, "metric,cdn,count,sum\ncirr,C1,1,12\ncirr,C2,1,5\n");
}

#[test]
fn v2_matches_extend_and_never_stack() {
    let matches = [(0, false), (10, true), (13, true), (30, true)];
    assert_eq!(true_spans("has_existed_within(b, 5s)", &matches), [(10.0, Some(18.0)), (30.0, Some(35.0))]);
}

#[test]
fn v3_within_over_a_state() {
    let state = [(0, false), (10, true), (12, false), (20, true), (30, false)];
    let expected = [(10.0, Some(17.0)), (20.0, Some(35.0))];
    assert_eq!(true_spans("has_existed_within(latest(b), 5s)", &state), expected);
    assert_eq!(true_spans("keep_true_for(latest(b), 5s)", &state), expected);
}

#[test]
fn v4_held_for() {
    let state = [(0, true), (6, false), (9, true), (12, false), (20, true), (30, false)];
    assert_eq!(true_spans("held_for(latest(b), 4s)", &state), [(4.0, Some(6.0)), (24.0, Some(30.0))]);
}

const V5: [(u32, bool); 4] = [(0, true), (6, false), (9, true), (20, false)];

#[test]
fn v5_crossings_are_exact() {
    assert_eq!(true_spans("duration_where(latest(b)) >= 10s", &V5), [(13.0, None)]);
    assert_eq!(true_spans("duration_where(latest(b)) > 10s", &V5), [(13.000_000_001, None)]);
}

/// The value of a piecewise-linear metric at some instants.
fn values(expression: &str, at: &[u32]) -> Vec<f64> {
    let sandbox = Sandbox::new();
    let lines = V5.iter().map(|(t, b)| format!("{{\"k\":\"x\",\"t\":{t},\"b\":{b}}}\n"));
    sandbox.file("e.ndjson", lines.collect::<String>());
    sandbox.file("p.tl", format!("{SOURCE}metric m = {expression}\n"));
    let value = |at: &u32| {
        let until = at.to_string();
        let run = sandbox.run(&["eval", "p.tl", "e.ndjson", "--until", &until, "--format", "jsonl"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        serde_json::from_str::<Json>(&run.stdout).expect("a row")["value"].as_f64().expect("a value")
    };
    at.iter().map(value).collect()
}

#[test]
fn v6_and_v7_sliding_windows() {
    let at = [6, 9, 10, 13, 16, 19, 20, 25, 30];
    let expected = [6.0, 6.0, 7.0, 7.0, 7.0, 10.0, 10.0, 5.0, 0.0];
    assert_eq!(values("duration_where(latest(b)) over last 10s", &at), expected);
    assert_eq!(values("duration_where(latest(b)) over last 8s", &[12]), [5.0]);
}

#[test]
fn bad_input_changes_no_other_answer() {
    let sandbox = Sandbox::new();
    let good: String = V5.iter().map(|(t, b)| format!("{{\"k\":\"x\",\"t\":{t},\"b\":{b}}}\n")).collect();
    let mut bad = good.replacen('\n', "\nnot json\n{\"t\":1,\"b\":true}\n{\"k\":\"x\",\"b\":true}\n", 1).into_bytes();
    bad.extend_from_slice(
        b"{\"k\":\"x\",\"t\":99999999999999999999,\"b\":true}\n{\"k\":\"x\",\"t\":NaN}\n\xff\xfe\n   \n",
    );
    bad.extend_from_slice(b"{\"k\":\"x\",\"t\":20,\"b\":\"yes\"}\n{\"k\":\"x\",\"t\":20,\"b\":fal");
    sandbox.file("good.ndjson", good);
    sandbox.file("bad.ndjson", bad);
    sandbox.file("p.tl", format!("{SOURCE}metric m = duration_where(latest(b))\n"));
    let eval = |file: &str| sandbox.run(&["eval", "p.tl", file, "--until", "40", "--format", "csv"]);
    let (clean, dirty) = (eval("good.ndjson"), eval("bad.ndjson"));
    assert_eq!((dirty.code, &dirty.stdout), (0, &clean.stdout));
    assert!(dirty.stderr.contains("8 dead letters"), "{}", dirty.stderr);
}

#[test]
fn the_examples_compile() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut programs = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "tl") {
            let run = Sandbox::new().run(&["check", path.to_str().expect("UTF-8")]);
            assert_eq!(run.code, 0, "{}: {}", path.display(), run.stderr);
            programs += 1;
        }
    }
    assert!(programs >= 6);
}
