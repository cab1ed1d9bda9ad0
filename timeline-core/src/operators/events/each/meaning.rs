//! The matches, carrying what is said of each.

use crate::plan::{EventExpr, NodeId};
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence};

pub(crate) fn of(event: NodeId, value: &EventExpr, of: &[NodeId], inputs: &Inputs<'_>) -> NodeTimeline {
    let says = |e: &Occurrence| Occurrence { payload: inputs.says(value, of, e), ..e.clone() };
    NodeTimeline::Events(inputs.events(event).iter().filter(|e| e.is_match()).map(says).collect())
}
