//! Sums of floats, of which each keeps what rounding loses: both evaluators, against sums that are known.
//!
//! Two words hold terms of two sizes, whatever these are. Of three sizes, and of areas, whose products and slopes are floats
//! as they are, each evaluator finds the last digits in its own way, so that few of them are here.

use super::build::{Program, Row, log};
use super::incremental::check;
use proptest::prelude::*;
use timeline_core::plan::{NodeId, Op};
use timeline_core::reference::{NodeTimeline, PointNumber, run, whole};
use timeline_core::{Plan, SECOND, Type, Value};

/// Of which few multiples are rounded, and which leaves no room for others beside it.
const LARGE: f64 = (1u128 << 120) as f64;

/// Sums of `x`, and areas below it, in every way in which a session keeps one; the sum itself and its area.
fn plan(with_area: bool) -> (Plan, [NodeId; 2]) {
    let mut p = Program::new();
    let (x, d) = (p.event("x", Type::Float), p.latest("d", Type::Int));
    let level = p.latest("x", Type::Float);
    let level = p.add(Op::NumberOf(level));
    let sum = p.add(Op::Sum { of: x });
    let area = p.add(Op::Integral { of: level, over: None });
    for of in if with_area { vec![sum, area] } else { vec![sum] } {
        p.add(Op::Split { of, by: vec![d], cap: 2 });
        p.add(Op::Scope { of, by: d });
        p.add(Op::OverLast { of, window: 3 });
    }
    (p.finish(), [sum, area])
}

/// A nanosecond from one to the next, so that every instant is looked at. What sum and area are at the end.
fn judged(events: &[(Option<f64>, Option<i64>)], with_area: bool) -> Result<[f64; 2], TestCaseError> {
    let (plan, roots) = plan(with_area);
    let values = events.iter().map(|(x, d)| [("x", x.map(Value::Float)), ("d", d.map(Value::Int))]).collect::<Vec<_>>();
    let rows: Vec<Row> = (0..).zip(&values).map(|(at, values)| (at, "s", values.as_slice())).collect();
    let mut log = log(&plan, &rows);
    log.iter_mut().for_each(|event| event.record.time /= SECOND);
    let run = run(&plan, &log, Some(events.len() as i64));
    let session = &run.sessions[0].1;
    check(&plan, session)?;
    let all = whole(&plan, session);
    let at_the_end = |id: NodeId| match &all[id.index()] {
        NodeTimeline::Number(number) => number.at(events.len() as i64 - 1).map(|x| PointNumber::from(x).as_float()),
        other => panic!("a number, not {other:?}"),
    };
    Ok(roots.map(|id| at_the_end(id).expect("it begins with a value")))
}

#[test]
fn what_rounding_loses_comes_back() {
    for (terms, sum) in [
        ([1.0, 1e100, 1.0, -1e100], 2.0),
        ([1e100, 1.0, -1e100, 1.0], 2.0),
        ([1e16, 1.0, 1.0, -1e16], 2.0),
        ([0.5, -1e300, 1.0, 1e300], 1.5),
    ] {
        let events: Vec<_> = terms.iter().chain(&[0.0]).map(|x| (Some(*x), Some(1))).collect();
        assert_eq!(judged(&events, true).unwrap(), [sum, sum], "{terms:?}");
    }
}

proptest! {
    #[test]
    fn both_evaluators_keep_what_rounding_loses_alike(
        events in proptest::collection::vec(
            (
                prop_oneof![
                    1 => Just(None),
                    8 => proptest::sample::select(vec![1.0, -1.0, 0.5, -3.0, LARGE, -LARGE, 2.0 * LARGE]).prop_map(Some),
                ],
                prop_oneof![1 => Just(None), 4 => (0..4i64).prop_map(Some)],
            ),
            1..9,
        ),
    ) {
        let mut events = events;
        // Nothing is known of a sum before the first term.
        events[0].0.get_or_insert(1.0);
        let [sum, _] = judged(&events, false)?;
        let terms = || events.iter().filter_map(|(x, _)| *x);
        let part = |large: bool| terms().filter(|x| (x.abs() >= LARGE) == large).sum::<f64>();
        prop_assert_eq!(sum, part(true) + part(false));
    }
}
