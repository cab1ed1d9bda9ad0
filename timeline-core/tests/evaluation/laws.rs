//! The laws of section "golden traces" of the language, on random programs and logs.

use super::strategies::{Shape, shapes};
use proptest::prelude::*;
use timeline_core::plan::{NodeId, Op, PlanBuilder, TimelineKind};
use timeline_core::reference::{NodeTimeline, PointNumber, Session, run, whole};
use timeline_core::{Linear, Time, Type};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn de_morgan((shape, a, b) in (shapes(), any::<u8>(), any::<u8>())) {
        check(&shape, |builder| {
            let (a, b) = (pick(builder, a, is_truth)?, pick(builder, b, is_truth)?);
            let (not_a, not_b) = (add(builder, Op::Not(a)), add(builder, Op::Not(b)));
            let and = add(builder, Op::And(a, b));
            Some((add(builder, Op::Not(and)), add(builder, Op::Or(not_a, not_b))))
        }, |session, all, (left, right)| {
            prop_assert_eq!(&all[left.index()], &all[right.index()], "{:?}", session);
            Ok(())
        })?;
    }

    #[test]
    fn look_backs_add_up((shape, x, a, b) in (shapes(), any::<u8>(), 1..9i64, 1..9i64)) {
        check(&shape, |builder| {
            let x = pick(builder, x, |k| matches!(k, TimelineKind::Event(_)) || is_truth(k))?;
            let inner = add(builder, Op::HasExistedWithin { of: x, window: a });
            let twice = add(builder, Op::HasExistedWithin { of: inner, window: b });
            Some((twice, add(builder, Op::HasExistedWithin { of: x, window: a + b })))
        }, |session, all, (left, right)| {
            prop_assert_eq!(&all[left.index()], &all[right.index()], "{:?}", session);
            Ok(())
        })?;
    }

    #[test]
    fn a_truth_and_its_negation_fill_the_time((shape, x, window) in (shapes(), any::<u8>(), 1..9i64)) {
        check(&shape, |builder| {
            let x = pick(builder, x, |k| matches!(k, TimelineKind::Event(_)) || is_truth(k))?;
            let truth = add(builder, Op::HasExistedWithin { of: x, window });
            let negation = add(builder, Op::Not(truth));
            let durations = [truth, negation].map(|of| add(builder, Op::DurationWhere { of }));
            let sum = add(builder, Op::Add(durations[0], durations[1]));
            Some((sum, sum))
        }, |session, all, (sum, _)| {
            let NodeTimeline::Number(sum) = &all[sum.index()] else { panic!("a number") };
            prop_assert_eq!(sum.spans().len(), 1, "{:?}", sum);
            prop_assert_eq!(sum.at(session.origin), Some(Linear::Exact { value: 0, slope: 1 }));
            Ok(())
        })?;
    }

    #[test]
    fn a_window_is_a_difference((shape, x, window) in (shapes(), any::<u8>(), 1..9i64)) {
        check(&shape, |builder| {
            let of = pick(builder, x, is_truth)?;
            let x = add(builder, Op::DurationWhere { of });
            Some((x, add(builder, Op::OverLast { of: x, window })))
        }, |session, all, (x, sliding)| {
            let value = |id: NodeId, t: Time| match &all[id.index()] {
                NodeTimeline::Number(_) if t < session.origin => 0,
                NodeTimeline::Number(number) => match number.at(t).map(PointNumber::from) {
                    Some(PointNumber::Exact(value)) => value,
                    other => panic!("a duration: {other:?}"),
                },
                other => panic!("a number: {other:?}"),
            };
            for t in session.origin..session.last + 20 {
                let slid = value(sliding, t);
                prop_assert_eq!(slid, value(x, t) - value(x, t - window), "at {}", t);
                prop_assert!((0..=i128::from(window)).contains(&slid), "{} at {}", slid, t);
            }
            Ok(())
        })?;
    }
}

/// Adds nodes to a random plan and checks what they are for every session of its log, if the plan has anything to add them to.
fn check(
    shape: &Shape,
    nodes: impl Fn(&mut PlanBuilder) -> Option<(NodeId, NodeId)>,
    law: impl Fn(&Session, &[NodeTimeline], (NodeId, NodeId)) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut builder = shape.builder();
    let Some(nodes) = nodes(&mut builder) else { return Ok(()) };
    let case = shape.case(builder.finish());
    for (_, session) in &run(&case.plan, &case.log, case.until).sessions {
        law(session, &whole(&case.plan, session), nodes)?;
    }
    Ok(())
}

fn add(builder: &mut PlanBuilder, op: Op) -> NodeId {
    builder.add(op).expect("the test builds valid nodes")
}

fn is_truth(kind: TimelineKind) -> bool {
    kind == TimelineKind::State(Type::Bool)
}

fn pick(builder: &PlanBuilder, pick: u8, fits: impl Fn(TimelineKind) -> bool) -> Option<NodeId> {
    // Nothing reads the splits that metrics make.
    let fitting = builder.plan().iter().filter(|(_, n)| fits(n.kind) && !matches!(n.op, Op::Split { .. }));
    let fitting: Vec<NodeId> = fitting.map(|(id, _)| id).collect();
    (!fitting.is_empty()).then(|| fitting[usize::from(pick) % fitting.len()])
}
