//! How many passes events ask for: none where they change nothing.

use super::build::{Program, log, run_until, text};
use std::sync::Arc;
use timeline_core::incremental::{EvaluationOutput, Evaluator, Heap, PackedEvent, Row};
use timeline_core::plan::{NodeId, Op};
use timeline_core::{SECOND, Time, Type};

/// The passes of a session with an event each second, which says a letter of `said` in the column `c`.
fn passes(said: &str, make: impl FnOnce(&mut Program) -> NodeId) -> u64 {
    let mut p = Program::new();
    let root = make(&mut p);
    p.metric("m", root, &[], None);
    let plan = p.finish();
    let values: Vec<_> = said.chars().map(|c| [("c", text(&c.to_string()))]).collect();
    let rows: Vec<super::build::Row> = (0..).zip(&values).map(|(t, v)| (t, "s", v.as_slice())).collect();
    let log = log(&plan, &rows);
    let session = run_until(&plan, &log, said.len() as Time).sessions.remove(0).1;
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
    evaluator.passes()
}

#[test]
fn what_is_said_again_changes_nothing() {
    assert_eq!(passes("aaab", |p| p.latest("c", Type::String)), 2);
    assert_eq!(passes("aba", |p| p.latest("c", Type::String)), 3);
}

#[test]
fn a_value_that_ends_by_itself_lives_longer_by_being_said_again() {
    let latest = |p: &mut Program| {
        let of = p.event("c", Type::String);
        p.add(Op::Latest { of, ttl: Some(9 * SECOND) })
    };
    assert_eq!(passes("aaa", latest), 3);
}

#[test]
fn only_the_first_match_and_those_that_prolong_matter() {
    let existed = |p: &mut Program| {
        let of = p.says("c", "x");
        p.add(Op::HasExisted { of })
    };
    assert_eq!(passes("ayxxyx", existed), 2);
    let within = |p: &mut Program| {
        let of = p.says("c", "x");
        p.add(Op::HasExistedWithin { of, window: 9 * SECOND })
    };
    assert_eq!(passes("aayxxy", within), 3);
}

#[test]
fn every_event_that_is_counted_does() {
    let count = |p: &mut Program| {
        let of = p.event("c", Type::String);
        p.add(Op::Count { of })
    };
    assert_eq!(passes("aaa", count), 3);
}
