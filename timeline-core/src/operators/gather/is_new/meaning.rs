//! Whether the last payload came in no event before its instant, as far as the `cap` values seen last are remembered.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence, until};
use crate::{Time, Value};

pub(crate) fn of(of: NodeId, cap: u32, inputs: &Inputs<'_>) -> NodeTimeline {
    let says = |past: &[Occurrence]| {
        // What is remembered, with when each value was first seen; what was seen last stands last.
        let mut remembered: Vec<(&Value, Time)> = vec![];
        let mut new = false;
        for (payload, time) in past.iter().filter_map(|e| Some((e.payload.as_ref()?, e.time))) {
            let known = remembered.iter().position(|(value, _)| *value == payload);
            let first = known.map_or(time, |place| remembered.remove(place).1);
            remembered.push((payload, first));
            if remembered.len() > cap as usize {
                remembered.remove(0);
            }
            new = first == time;
        }
        Some(Value::Bool(new))
    };
    NodeTimeline::State(until(inputs.origin(), inputs.events(of), says))
}
