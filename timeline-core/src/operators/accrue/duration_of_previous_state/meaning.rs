//! How long the last value that was left had been in force.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, since};
use crate::{Linear, Time};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let state = inputs.state(of);
    let left: Vec<(Time, i128)> = state
        .spans()
        .into_iter()
        .filter(|span| span.value.is_some())
        .filter_map(|span| span.end.map(|end| (end, since(span.start, end))))
        .collect();
    NodeTimeline::Number(Piecewise::at_instants(state.starts(), |t| {
        left.iter().rev().find(|(end, _)| *end <= t).map(|(_, length)| Linear::exact(*length))
    }))
}
