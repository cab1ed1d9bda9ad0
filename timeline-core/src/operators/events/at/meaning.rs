//! The matches, carrying what the timeline is at their instants.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Occurrence, Whole};

pub(crate) fn of(event: NodeId, of: NodeId, inputs: &Inputs<'_>) -> Whole {
    let sample = |e: &Occurrence| Occurrence { payload: inputs.sample(of, e.time), ..e.clone() };
    Whole::Events(inputs.events(event).iter().filter(|e| e.is_match()).map(sample).collect())
}
