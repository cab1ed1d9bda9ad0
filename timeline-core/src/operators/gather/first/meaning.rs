//! The first payload that is not null.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, until};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(until(inputs.origin(), inputs.events(of), |past| past.iter().find_map(|e| e.payload.clone())))
}
