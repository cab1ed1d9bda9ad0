//! The payload of the event `n` before the last one, nulls counted.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, until};

pub(crate) fn of(of: NodeId, n: u16, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(until(inputs.origin(), inputs.events(of), |past| {
        past.iter().rev().nth(usize::from(n)).and_then(|e| e.payload.clone())
    }))
}
