//! The first where it has a value, else the second.

use crate::plan::{NodeId, TimelineKind};
use crate::reference::parts::{Inputs, NodeTimeline};

pub(crate) fn of(a: NodeId, b: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    match inputs.kind() {
        TimelineKind::Number(unit) => {
            let first = inputs.number(a).with(inputs.number(b), |a, b| a.or(b));
            NodeTimeline::Number(first.map(|x| Some(x?.in_unit(unit))))
        }
        _ => NodeTimeline::State(inputs.state(a).with(inputs.state(b), |a, b| a.or(b))),
    }
}
