//! The events of which the condition is true, with their payloads, false and null ones too.

use crate::plan::{EventExpr, NodeId};
use crate::reference::parts::{Inputs, Occurrence, Whole, truth};

pub(crate) fn of(event: NodeId, condition: &EventExpr, of: &[NodeId], inputs: &Inputs<'_>) -> Whole {
    let holds = |e: &&Occurrence| truth(&inputs.says(condition, of, e)) == Some(true);
    Whole::Events(inputs.events(event).iter().filter(holds).cloned().collect())
}
