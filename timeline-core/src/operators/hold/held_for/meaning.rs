//! What is left of each true stretch from `length` after its start on.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, StateSpan, true_on};

pub(crate) fn of(of: NodeId, length: Time, inputs: &Inputs<'_>) -> NodeTimeline {
    let stretches = inputs.stretches(of);
    let held = stretches.iter().filter_map(|(start, end)| Some((start.checked_add(length)?, *end)));
    let held: Vec<StateSpan> = held.filter(|(start, end)| end.is_none_or(|end| *start < end)).collect();
    NodeTimeline::State(true_on(inputs.origin(), &held))
}
