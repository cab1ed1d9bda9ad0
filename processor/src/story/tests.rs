//! Which event, timer or clock is named for a change: of every operator that has a timer, with events in between that have
//! nothing to do with it.

use super::{StoryQuestion, tell};
use crate::log_position::LogPosition;
use crate::operators::{Operators, table_address};
use crate::replay::ReplayStart;
use event_feeder::file::Options;
use event_feeder::{FileSource, Position, fields_read};
use serde_json::Value as Json;
use std::sync::Arc;
use timeline_core::SECOND;
use timeline_core::plan::{NodeId, Op, Plan};
use timeline_dsl::catalogue::{EXAMPLE_SOURCE, supported};
use timeline_dsl::{ProgramText, compile_with};

/// An operator of the catalogue, a metric, events (`TIME column=value`), the instant to ask about, the operator whose timer
/// made the change, and the second of the event that had set it; none of what the clock does.
type Case = (&'static str, &'static str, &'static str, i64, Option<&'static str>, Option<i64>);

const CASES: &[Case] = &[
    ("latest", "latest(state, ttl 5s)", "1 state=\"a\"; 3 action=\"z\"", 7, Some("latest(state, ttl 5s)"), Some(1)),
    (
        "has_existed_within",
        "has_existed_within(b, 5s)",
        "1 b=true; 3 action=\"z\"; 4 b=false",
        7,
        Some("has_existed_within(b, 5s)"),
        Some(1),
    ),
    // An event that comes just then and is no match has not done it.
    (
        "has_existed_within",
        "has_existed_within(b, 5s)",
        "1 b=true; 6 b=false",
        7,
        Some("has_existed_within(b, 5s)"),
        Some(1),
    ),
    (
        "held_for",
        "held_for(latest(b), 5s)",
        "1 b=true; 3 action=\"z\"; 4 b=true",
        7,
        Some("held_for(latest(b), 5s)"),
        Some(1),
    ),
    (
        "keep_true_for",
        "keep_true_for(latest(b), 5s)",
        "1 b=true; 2 b=false; 4 action=\"z\"",
        8,
        Some("has_existed_within(latest(b), 5s)"),
        Some(2),
    ),
    (
        "count_within",
        "count_within(b, 5s)",
        "1 b=true; 3 action=\"z\"; 4 b=false",
        7,
        Some("count_within(b, 5s)"),
        Some(1),
    ),
    (
        "count_within",
        "count_within(b, 5s) >= 2",
        "1 b=true; 2 b=true; 4 action=\"z\"",
        7,
        Some("count_within(b, 5s)"),
        Some(1),
    ),
    ("count_within", "count_within(b, 5s)", "1 b=true; 3 b=true; 4 action=\"z\"", 5, None, Some(3)),
    (
        "not_followed_by",
        "count(not_followed_by(state == \"a\", state == \"b\", 5s))",
        "1 state=\"a\"; 3 action=\"z\"; 4 state=\"c\"",
        7,
        Some("not_followed_by(state == \"a\", state == \"b\", 5s)"),
        Some(1),
    ),
    (
        "not_followed_by",
        "has_existed(not_followed_by(state == \"a\", state == \"b\", 5s))",
        "1 state=\"a\"; 3 action=\"z\"; 6 state=\"a\"",
        7,
        Some("not_followed_by(state == \"a\", state == \"b\", 5s)"),
        Some(1),
    ),
    (
        "not_followed_by",
        "count(not_followed_by(rise(held_for(latest(b), 2s)), state == \"b\", 5s))",
        "1 b=true; 4 action=\"z\"",
        9,
        Some("not_followed_by(rise(held_for(latest(b), 2s)), state == \"b\", 5s)"),
        Some(1),
    ),
    (
        "followed_by",
        "count(followed_by(state == \"a\", state == \"b\", 5s))",
        "1 state=\"a\"; 3 state=\"b\"; 4 action=\"z\"",
        7,
        None,
        Some(3),
    ),
    (
        "over last",
        "duration_where(latest(b)) over last 5s",
        "1 b=true; 3 action=\"z\"",
        7,
        Some("duration_where(latest(b)) over last 5s"),
        Some(1),
    ),
    (
        "over last",
        "duration_where(latest(b)) over last 5s split by latest(state)",
        "0 state=\"s\"; 1 b=true; 3 action=\"z\"",
        7,
        Some("duration_where(latest(b)) over last 5s"),
        Some(1),
    ),
    (
        "compare",
        "duration_where(latest(b)) >= 4s",
        "1 b=true; 3 action=\"z\"",
        7,
        Some("duration_where(latest(b)) >= 4s"),
        Some(1),
    ),
    ("compare", "time_since(b) > 5s", "1 b=true; 3 action=\"z\"; 4 b=false", 7, Some("time_since(b) > 5s"), Some(1)),
    (
        "compare",
        "duration_where(latest(b)) / duration_where(!latest(b)) > 0.5",
        "0 b=false; 4 b=true; 5 action=\"z\"",
        7,
        Some("duration_where(latest(b)) / duration_where(!latest(b)) > 0.5"),
        Some(4),
    ),
    (
        "longest",
        "longest(latest(b))",
        "0 b=true; 2 b=false; 4 b=true; 5 action=\"z\"",
        7,
        Some("longest(latest(b))"),
        Some(4),
    ),
    (
        "exists",
        "exists(count(b) / (duration_where(latest(b)) - 4s))",
        "1 b=true; 3 action=\"z\"",
        5,
        Some("exists(count(b) / (duration_where(latest(b)) - 4s))"),
        Some(1),
    ),
    (
        "rise",
        "count(rise(held_for(latest(b), 5s)))",
        "1 b=true; 3 action=\"z\"",
        7,
        Some("held_for(latest(b), 5s)"),
        Some(1),
    ),
    (
        "fall",
        "count(fall(has_existed_within(b, 5s)))",
        "1 b=true; 3 action=\"z\"",
        7,
        Some("has_existed_within(b, 5s)"),
        Some(1),
    ),
    (
        "changes",
        "count(changes(has_existed_within(b, 5s)))",
        "1 b=true; 3 action=\"z\"",
        7,
        Some("has_existed_within(b, 5s)"),
        Some(1),
    ),
    ("delayed", "delayed(latest(b), 5s)", "1 b=true; 3 action=\"z\"", 7, Some("delayed(latest(b), 5s)"), Some(1)),
    (
        "max over last",
        "max(latest(n)) over last 3s",
        "1 n=9; 2 n=4; 6 action=\"z\"",
        7,
        Some("max(latest(n)) over last 3s"),
        Some(2),
    ),
    ("during", "during(\"00:00:05-01:00\")", "1 b=true; 3 action=\"z\"", 7, Some("during(\"00:00:05-01:00\")"), None),
    // One timer has set another.
    (
        "held_for",
        "held_for(!has_existed_within(b, 2s), 3s)",
        "1 b=true; 4 action=\"z\"",
        7,
        Some("held_for(!has_existed_within(b, 2s), 3s)"),
        Some(1),
    ),
    // What a row sets, nobody has set.
    (
        "table",
        "tariff[latest(state)].price",
        "1 state=\"a\"; 3 action=\"z\"",
        7,
        Some("tariff[latest(state)].price"),
        None,
    ),
    ("table", "tariff[latest(state)].price", "1 state=\"b\"; 3 state=\"a\"", 4, None, Some(3)),
    ("every", "count(b) every 5s", "1 b=true; 3 action=\"z\"", 7, Some("every 5s"), None),
];

fn plan(metric: &str) -> Arc<Plan> {
    let rows = table_address("tariff.csv", "state,since,price\na,0,1\na,5,2\n");
    let table = format!("table tariff from \"{rows}\" {{ key state  from since in s  price: float }}\n");
    let text = format!("{EXAMPLE_SOURCE}{table}metric m = {metric}");
    let program = ProgramText { name: "p".into(), text, ..ProgramText::default() };
    let mut compilation = compile_with(&[program], &Operators::Local);
    assert!(compilation.is_ok(), "{metric}: {:?}", compilation.diagnostics);
    Arc::new(compilation.plans.remove(0))
}

/// The node that a case asks about: the metric, or the clock of its windows.
fn asked(plan: &Plan) -> NodeId {
    let root = plan.metrics[0].root;
    let clock = plan.iter().find(|(_, node)| matches!(node.op, Op::Every(_)));
    clock.map_or(root, |(id, _)| id)
}

fn cause(metric: &str, events: &str, at: i64) -> Json {
    let plan = plan(metric);
    let dir = tempfile::tempdir().unwrap();
    let lines = std::iter::once("0 action=\"begin\"").chain(events.split("; ")).map(|event| {
        let (t, rest) = event.split_once(' ').unwrap();
        let (column, value) = rest.split_once('=').unwrap();
        format!("{{\"k\":\"a\",\"t\":{t},\"{column}\":{value}}}\n")
    });
    let file = dir.path().join("log.ndjson");
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    let fields = Some(fields_read(&plan, 0));
    let source = FileSource::open(&[file.display().to_string()], Options { fields, ..Options::default() }).unwrap();
    let reach = [LogPosition { position: Position::START, ..LogPosition::default() }];
    let node = asked(&plan);
    let question = StoryQuestion {
        key: "a",
        at: Some(at * SECOND),
        nodes: vec![(node, "m".into())],
        horizon: at * SECOND,
        before: vec![ReplayStart::default()],
        reach: &reach,
    };
    let story = tell(&plan, vec![Box::new(source)], &question).unwrap();
    story["sessions"][0]["rows"][0]["at"]["cause"].clone()
}

#[test]
fn what_set_a_timer_is_named_for_every_operator_that_has_one() {
    for (_, metric, events, at, timer, set_at) in CASES {
        let cause = cause(metric, events, *at);
        assert_eq!(cause["timer"].as_str(), *timer, "{metric}, {events} at {at}: {cause}");
        let record = cause["record"].as_str().map(|_| cause["time_ns"].as_i64().unwrap() / SECOND);
        assert_eq!(record, *set_at, "{metric}, {events} at {at}: {cause}");
    }
    let with_a_timer = supported().iter().filter(|operator| !operator.timer.is_empty());
    for operator in with_a_timer {
        assert!(CASES.iter().any(|case| case.0 == operator.name), "`{}` has a timer and no case", operator.name);
    }
}

#[test]
fn instants_and_lengths_are_told_as_such_also_where_they_are_states() {
    for (metric, kind, value) in [
        ("latest(time_of(b))", "instant", Json::from("1970-01-01T00:00:04Z")),
        ("latest(at(b, duration_where(latest(b))))", "duration", Json::from(3)),
    ] {
        let plan = plan(metric);
        let reads = |op: &Op| matches!(op, Op::InstantOf(_) | Op::DurationOf(_));
        let (root, reader) = plan.iter().find(|(_, node)| reads(&node.op)).expect("it is read as one");
        let state = reader.op.inputs()[0];
        assert_eq!(root, plan.metrics[0].root, "{metric}");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log.ndjson");
        std::fs::write(&file, [1, 4].map(|t| format!("{{\"k\":\"a\",\"t\":{t},\"b\":true}}\n")).concat()).unwrap();
        let fields = Some(fields_read(&plan, 0));
        let source = FileSource::open(&[file.display().to_string()], Options { fields, ..Options::default() }).unwrap();
        let reach = [LogPosition { position: Position::START, ..LogPosition::default() }];
        let question = StoryQuestion {
            key: "a",
            at: Some(6 * SECOND),
            nodes: vec![(state, "state".into()), (root, "m".into())],
            horizon: 6 * SECOND,
            before: vec![ReplayStart::default()],
            reach: &reach,
        };
        let story = tell(&plan, vec![Box::new(source)], &question).unwrap();
        let rows = story["sessions"][0]["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 2, "{story}");
        for row in rows {
            let last = row["spans"].as_array().unwrap().last().unwrap();
            assert_eq!((&row["at"]["value"], &last["value"]), (&value, &value), "{metric}: {row}");
            assert_eq!(row["kind"], kind, "{metric}: {row}");
        }
    }
}

#[test]
fn of_many_windows_the_last_are_told_by_their_beginnings() {
    let plan = plan("count(b) every 1s");
    let dir = tempfile::tempdir().unwrap();
    let lines: String = (0..30).map(|t| format!("{{\"k\":\"a\",\"t\":{t},\"b\":true}}\n")).collect();
    let file = dir.path().join("log.ndjson");
    std::fs::write(&file, lines).unwrap();
    let told = |at: Option<i64>| {
        let fields = Some(fields_read(&plan, 0));
        let source = FileSource::open(&[file.display().to_string()], Options { fields, ..Options::default() }).unwrap();
        let clock = asked(&plan);
        let reach = [LogPosition { position: Position::START, ..LogPosition::default() }];
        let question = StoryQuestion {
            key: "a",
            at: at.map(|at| at * SECOND),
            nodes: vec![(plan.metrics[0].root, "m".into()), (clock, "every 1s".into())],
            horizon: 29 * SECOND,
            before: vec![ReplayStart::default()],
            reach: &reach,
        };
        let story = tell(&plan, vec![Box::new(source)], &question).unwrap();
        let rows = story["sessions"][0]["rows"].as_array().unwrap().clone();
        let labels: Vec<String> = rows.iter().map(|row| row["label"].as_str().unwrap().to_owned()).collect();
        (story["sessions"][0]["windows_left_out"].clone(), labels, rows.last().unwrap().clone())
    };
    let (left_out, labels, clock) = told(None);
    assert_eq!((left_out, labels.len()), (Json::from(18), 13), "{labels:?}");
    assert_eq!((labels[0].as_str(), labels[11].as_str()), ("m [1970-01-01T00:00:18Z]", "m [1970-01-01T00:00:29Z]"));
    assert_eq!(clock["spans"][0]["value"], Json::from("1970-01-01T00:00:00Z"));
    let (left_out, labels, clock) = told(Some(15));
    assert_eq!((left_out, labels[11].as_str()), (Json::from(4), "m [1970-01-01T00:00:15Z]"));
    assert_eq!(clock["at"]["value"], Json::from("1970-01-01T00:00:15Z"));
}
