//! What becomes of more values than a cap says, on logs that are short enough to check by hand.

use super::build::{Program, log, run_until, text};
use std::sync::Arc;
use timeline_core::incremental::{
    ConcurrencyTurns, EvaluationOutput, Evaluator, Heap, PackedEvent, Row, SessionView, TimelineValue,
};
use timeline_core::plan::{Every, NodeId, Op};
use timeline_core::{Linear, SECOND, Time, Type, Value};

/// Hands the session of a log to `look`, as it is at an instant in seconds.
fn look<T>(p: Program, rows: &[super::build::Row], at: Time, look: impl FnOnce(&SessionView<'_>) -> T) -> T {
    let plan = p.finish();
    let log = log(&plan, rows);
    let session = run_until(&plan, &log, at).sessions.remove(0).1;
    let mut evaluator = Evaluator::new(Arc::new(plan));
    let (mut words, mut heap, mut alerts) = (vec![0; evaluator.row_words()], Heap::default(), vec![]);
    let row = &mut Row { words: &mut words, heap: &mut heap };
    let sink = &mut EvaluationOutput { alerts: &mut alerts, windows: None, matches: None, observer: &mut () };
    evaluator.begin(row, session.origin);
    let mut packed = vec![];
    for record in &session.records {
        let (present, nulls) = evaluator.pack(record, &mut packed);
        evaluator.event(row, &PackedEvent { time: record.time, present, nulls, words: &packed }, sink);
    }
    evaluator.settle(row, sink);
    evaluator.advance(row, at * SECOND, sink);
    look(&evaluator.view(row))
}

/// Time by CDN, as the second letter says: `-` is a null.
fn split(cdns: &str, cap: u32, at: Time) -> (Vec<(String, Time)>, u64) {
    let mut p = Program::new();
    let cdn = p.latest("cdn", Type::String);
    let always = p.add(Op::Constant(Value::Bool(true)));
    let of = p.add(Op::DurationWhere { of: always });
    let split = p.add(Op::Split { of, by: vec![cdn], cap });
    let values: Vec<_> = cdns.chars().map(|c| [("cdn", text(&c.to_string()).filter(|_| c != '-'))]).collect();
    let rows: Vec<super::build::Row> = (0..).zip(&values).map(|(t, v)| (t, "s", v.as_slice())).collect();
    look(p, &rows, at, |view| (shares(view, split), view.forgotten()))
}

fn shares(view: &SessionView<'_>, split: NodeId) -> Vec<(String, Time)> {
    let name = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
    let shares = view.shares(split).into_iter().map(|share| match share.reading {
        TimelineValue::Number(Linear::Exact { value, .. }) => (name(&share.dimensions[0]), value as Time / SECOND),
        other => panic!("a duration: {other:?}"),
    });
    shares.collect()
}

fn rows(all: &[(&str, Time)]) -> Vec<(String, Time)> {
    all.iter().map(|(name, seconds)| ((*name).to_owned(), *seconds)).collect()
}

#[test]
fn values_beyond_the_cap_are_charged_to_absence() {
    assert_eq!(split("abcab", 2, 5), (rows(&[("a", 2), ("b", 2), ("-", 1)]), 1));
    assert_eq!(split("abcdcab", 2, 9), (rows(&[("a", 2), ("b", 4), ("-", 3)]), 3), "c, d and c again came too late");
    assert_eq!(split("abcab", 3, 5), (rows(&[("a", 2), ("b", 2), ("c", 1)]), 0));
}

#[test]
fn absence_has_a_row_of_its_own_beside_the_cap() {
    assert_eq!(split("-abc", 2, 4), (rows(&[("-", 2), ("a", 1), ("b", 1)]), 1));
    assert_eq!(split("a-b-c-c", 2, 7), (rows(&[("a", 1), ("-", 5), ("b", 1)]), 2), "c came twice");
    assert_eq!(split("abcc-cb", 1, 7), (rows(&[("a", 1), ("-", 6)]), 4), "b, c, c after absence, and b");
}

#[test]
fn the_first_spans_of_many_are_told_as_one_length() {
    let turns = |cap: u32| {
        let mut p = Program::new();
        let of = p.is("c", "x");
        let root = p.add(Op::Concurrency { of, cap });
        let values: Vec<_> = "xyxxyx".chars().map(|c| [("c", text(&c.to_string()))]).collect();
        let rows: Vec<super::build::Row> = (0..).zip(&values).map(|(t, v)| (t, "s", v.as_slice())).collect();
        look(p, &rows, 9, |view| (view.turns(root).remove(0), view.forgotten()))
    };
    let expected = |at: &[Time], before: Time| ConcurrencyTurns {
        at: at.iter().map(|t| t * SECOND).collect(),
        before: before * SECOND,
    };
    assert_eq!(turns(3), (expected(&[0, 1, 2, 4, 5], 0), 0));
    assert_eq!(turns(2), (expected(&[2, 4, 5], 1), 1));
    assert_eq!(turns(1), (expected(&[5], 3), 2));
}

/// Where a window begins, its values, and how many were beyond the cap.
type Window = (Time, Vec<(String, Time)>, u64);

/// The windows of a second that are told of a session which is silent for so many of them, each with the value of its shares,
/// and how many passes that takes. The session has a value and absence in its first window, and then that value alone.
fn windows(windows: Time, cap: u32) -> (Vec<Window>, u64) {
    let mut p = Program::new();
    let cdn = p.latest("cdn", Type::String);
    let always = p.add(Op::Constant(Value::Bool(true)));
    let of = p.add(Op::DurationWhere { of: always });
    let every = p.add(Op::Every(Every::length(SECOND)));
    let alone = p.add(Op::Split { of, by: vec![every], cap: 1 });
    let both = p.add(Op::Split { of, by: vec![cdn, every], cap });
    p.metric("alone", alone, &["every"], None);
    p.metric("both", both, &["cdn", "every"], None);
    let plan = p.finish();
    let mut evaluator = Evaluator::new(Arc::new(plan));
    let (mut words, mut heap, mut alerts, mut sink) = (vec![0; evaluator.row_words()], Heap::default(), vec![], vec![]);
    let row = &mut Row { words: &mut words, heap: &mut heap };
    evaluator.begin(row, 0);
    for (i, name) in ["a", "b", "c"].into_iter().enumerate() {
        let name = u64::from(evaluator.dictionary_mut().intern(name));
        let event = PackedEvent { time: i as Time * SECOND / 4, present: 1, nulls: 0, words: &[name] };
        evaluator.event(
            row,
            &event,
            &mut EvaluationOutput { alerts: &mut alerts, windows: Some(&mut sink), matches: None, observer: &mut () },
        );
    }
    let last = PackedEvent { time: windows * SECOND, present: 0, nulls: 0, words: &[0] };
    evaluator.event(
        row,
        &last,
        &mut EvaluationOutput { alerts: &mut alerts, windows: Some(&mut sink), matches: None, observer: &mut () },
    );
    let rows = sink.iter().map(|window| {
        assert_eq!((window.end - window.begin, window.read), (SECOND, window.end));
        let [alone, both] = &window.metrics[..] else { panic!("two metrics: {window:?}") };
        let of = |share: &timeline_core::incremental::Share| match share.reading {
            TimelineValue::Number(Linear::Exact { value, .. }) => value as Time / (SECOND / 4),
            ref other => panic!("a duration: {other:?}"),
        };
        assert_eq!(alone.shares.iter().map(of).collect::<Vec<_>>(), [4]);
        let name = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
        let shares = both.shares.iter().map(|share| (name(&share.dimensions[0]), of(share))).collect();
        (window.begin / SECOND, shares, window.forgotten)
    });
    (rows.collect(), evaluator.passes())
}

#[test]
fn windows_are_told_as_they_end_and_a_cap_is_one_of_each() {
    let (sink, _) = windows(3, 1);
    let first = (0, rows(&[("a", 1), ("-", 3)]), 2);
    assert_eq!(sink, [first, (1, rows(&[("c", 4)]), 0), (2, rows(&[("c", 4)]), 0)]);
    let (sink, _) = windows(2, 3);
    assert_eq!(sink, [(0, rows(&[("a", 1), ("b", 1), ("c", 2)]), 0), (1, rows(&[("c", 4)]), 0)]);
}

#[test]
fn a_window_costs_one_pass() {
    let (sink, passes) = windows(10_000, 2);
    assert_eq!(sink.len(), 10_000);
    assert!(passes < 10_010, "{passes} passes");
}
