//! The matches, carrying their own instants.

use crate::Value;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Occurrence, Whole};

pub(crate) fn of(event: NodeId, inputs: &Inputs<'_>) -> Whole {
    let own = |e: &Occurrence| Occurrence { payload: Some(Value::Int(e.time)), ..e.clone() };
    Whole::Events(inputs.events(event).iter().filter(|e| e.is_match()).map(own).collect())
}
