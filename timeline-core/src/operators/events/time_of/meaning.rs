//! The matches, carrying their own instants.

use crate::Value;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence};

pub(crate) fn of(event: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let own = |e: &Occurrence| Occurrence { payload: Some(Value::Int(e.time)), ..e.clone() };
    NodeTimeline::Events(inputs.events(event).iter().filter(|e| e.is_match()).map(own).collect())
}
