//! The comparison of two numbers, or of a quotient with a constant, at every integer nanosecond.

use crate::Time;
use crate::plan::{Compare, NodeId, Op, TimelineKind};
use crate::reference::parts::{Inputs, NodeTimeline, compare_numbers, compare_ratio};

pub(crate) fn of(compare: Compare, left: NodeId, right: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(match (inputs.whole(left), &inputs.plan.node(right).op) {
        (
            NodeTimeline::Ratio { numerator: n, denominator: d },
            Op::ConstantNumber { numerator: p, denominator: q, .. },
        ) => {
            let TimelineKind::Ratio(unit) = inputs.plan.node(left).kind else {
                unreachable!("only a ratio has two sides");
            };
            let sides = inputs.plan.node(left).op.inputs();
            let exactly = |factors: [i64; 2], t: Time| {
                inputs.sign(&[(*sides.first()?, factors[0]), (*sides.get(1)?, factors[1])], t)
            };
            compare_ratio(compare, (n, d), unit, (*p, *q), &exactly, inputs.turns_below(&[left]))
        }
        _ => {
            let exactly = |t| inputs.sign(&[(left, 1), (right, -1)], t);
            let turns = inputs.turns_below(&[left, right]);
            compare_numbers(compare, (inputs.number(left), inputs.number(right)), &exactly, turns)
        }
    })
}
