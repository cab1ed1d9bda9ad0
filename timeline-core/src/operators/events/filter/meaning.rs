//! The events of which the condition is true, with their payloads, false and null ones too.

use crate::plan::{EventExpr, NodeId};
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence, truth};

pub(crate) fn of(event: NodeId, condition: &EventExpr, of: &[NodeId], inputs: &Inputs<'_>) -> NodeTimeline {
    let holds = |e: &&Occurrence| truth(&inputs.says(condition, of, e)) == Some(true);
    NodeTimeline::Events(inputs.events(event).iter().filter(holds).cloned().collect())
}
