//! The payload of the last event at or before `t`, if that is less than `ttl` ago.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise};

pub(crate) fn of(of: NodeId, ttl: Option<Time>, inputs: &Inputs<'_>) -> NodeTimeline {
    let events = inputs.events(of);
    let expiry = |x: Time| ttl.and_then(|d| x.checked_add(d));
    let instants = std::iter::once(inputs.origin())
        .chain(events.iter().map(|e| e.time))
        .chain(events.iter().filter_map(|e| expiry(e.time)))
        .collect();
    NodeTimeline::State(Piecewise::at_instants(instants, |t| {
        let last = events.iter().rev().find(|e| e.time <= t)?;
        if expiry(last.time).is_some_and(|end| end <= t) { None } else { last.payload.clone() }
    }))
}
