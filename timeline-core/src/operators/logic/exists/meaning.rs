//! Whether a state or a number has a value; of a quotient whether both sides have one, and what it is divided by is not zero.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, PointNumber, boolean, refined};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(match inputs.whole(of) {
        NodeTimeline::State(state) => state.map(|value| boolean(Some(value.is_some()))),
        NodeTimeline::Number(number) => number.map(|x| boolean(Some(x.is_some()))),
        NodeTimeline::Ratio { numerator: n, denominator: d } => {
            let denominator = |t: Time| d.at(t).map(|d| PointNumber::from(d).sign());
            Piecewise::at_instants(refined(n, d, &[&denominator]), |t| {
                boolean(Some(n.at(t).is_some() && denominator(t).is_some_and(|sign| sign != 0)))
            })
        }
        other @ (NodeTimeline::Events(_) | NodeTimeline::Split(_)) => {
            unreachable!("the builder gives what may have a value here, not {other:?}")
        }
    })
}
