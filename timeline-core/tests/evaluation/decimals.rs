//! Multiples and sums of floats, compared as the decimals that people write: both evaluators against whole numbers.

use super::build::{Program, Row, log, run_until};
use super::incremental::check;
use proptest::prelude::*;
use timeline_core::plan::{Compare, Op, Unit};
use timeline_core::reference::{NodeTimeline, whole};
use timeline_core::{Plan, Type, Value};

/// `a > b * percent% + c`, and `a / b > percent%`, of hundredths.
fn plan(percent: i64) -> (Plan, [timeline_core::NodeId; 2]) {
    let mut p = Program::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| {
        let of = p.latest(name, Type::Float);
        p.add(Op::NumberOf(of))
    });
    let [left, scaled, rest] = [(a, 100), (b, percent), (c, 100)].map(|(of, factor)| p.add(Op::Scale { of, factor }));
    let right = p.add(Op::Add(scaled, rest));
    let sum = p.add(Op::CompareNumbers { compare: Compare::Gt, left, right });
    let ratio = p.add(Op::Ratio { numerator: a, denominator: b });
    let limit = p.add(Op::ConstantNumber { numerator: percent, denominator: 100, unit: Unit::Float });
    let quotient = p.add(Op::CompareNumbers { compare: Compare::Gt, left: ratio, right: limit });
    (p.finish(), [sum, quotient])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn floats_compare_as_the_decimals_that_they_are_written_as(
        (b, c, percent) in (1..400i64, -300..300i64, -200..300i64),
        beside in prop_oneof![3 => Just(0), 1 => -2..=2i64],
    ) {
        // Mostly just on the edge: where `b * percent / 100` is no whole number of hundredths, a little below it.
        let a = (b * percent).div_euclid(100) + c + beside;
        let (plan, [sum, quotient]) = plan(percent);
        let hundredths = |x: i64| Some(Value::Float(x as f64 / 100.0));
        let values = [("a", hundredths(a)), ("b", hundredths(b)), ("c", hundredths(c))];
        let rows: [Row; 1] = [(0, "s", &values)];
        let log = log(&plan, &rows);
        let run = run_until(&plan, &log, 1);
        let session = &run.sessions[0].1;
        let all = whole(&plan, session);
        let said = |id: timeline_core::NodeId| match &all[id.index()] {
            NodeTimeline::State(state) => state.at(0),
            other => panic!("a state, not {other:?}"),
        };
        prop_assert_eq!(said(sum), Some(Value::Bool(a * 100 > b * percent + c * 100)), "{} {} {} {}", a, b, c, percent);
        prop_assert_eq!(said(quotient), Some(Value::Bool(a * 100 > b * percent)), "{} {} {}", a, b, percent);
        check(&plan, session)?;
    }
}
