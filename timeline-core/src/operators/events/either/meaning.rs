//! Where one of the two has a match: at a record, or at an instant after its records.

use crate::plan::NodeId;
use crate::reference::parts::{EventRank, Inputs, NodeTimeline, Occurrence};
use crate::{Time, Value};

pub(crate) fn of(a: NodeId, b: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let both = inputs.events(a).iter().chain(inputs.events(b));
    let mut places: Vec<(Time, EventRank)> = both.filter(|e| e.is_match()).map(|e| (e.time, e.place)).collect();
    places.sort_unstable();
    places.dedup();
    let says_true = |(time, place)| Occurrence { time, place, payload: Some(Value::Bool(true)) };
    NodeTimeline::Events(places.into_iter().map(says_true).collect())
}
