//! The matches, carrying what the timeline is at their instants.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence};

pub(crate) fn of(event: NodeId, of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let sample = |e: &Occurrence| Occurrence { payload: inputs.sample(of, e.time), ..e.clone() };
    NodeTimeline::Events(inputs.events(event).iter().filter(|e| e.is_match()).map(sample).collect())
}
