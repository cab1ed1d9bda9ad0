//! The module applied to one event after another, from the session's first on; nothing once it has failed.

use crate::plan::{NodeId, UserOperator};
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence, Piecewise};
use crate::{Time, Value};

pub(crate) fn of(operator: &UserOperator, of: &[NodeId], inputs: &Inputs<'_>) -> NodeTimeline {
    let arguments: Vec<&[Occurrence]> = of.iter().map(|id| inputs.events(*id)).collect();
    let mut state = operator.code.initial().to_vec();
    let mut said: Vec<(Time, Option<Value>)> = vec![];
    for event in arguments.first().copied().unwrap_or_default() {
        // A record counts if it has all arguments.
        let same = |other: &&Occurrence| (other.time, other.place) == (event.time, event.place);
        let argument = |events: &&[Occurrence]| events.iter().find(same).and_then(|e| e.payload.clone());
        let Some(values) = arguments.iter().map(argument).collect() else { continue };
        let result = operator.call(event.time, values, &mut state);
        said.push((event.time, result.clone().unwrap_or(None)));
        if result.is_err() {
            break;
        }
    }
    let instants = std::iter::once(inputs.origin()).chain(said.iter().map(|(at, _)| *at)).collect();
    NodeTimeline::State(Piecewise::at_instants(instants, |t| {
        said.iter().rev().find(|(at, _)| *at <= t).and_then(|(_, value)| value.clone())
    }))
}
