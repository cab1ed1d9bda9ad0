//! User operators: their module applied to one event after another, from the session's first on.

use super::events::Occurrence;
use super::piecewise::Piecewise;
use super::state::State;
use crate::plan::UserOperator;
use crate::{Time, Value};

/// What the operator said last at or before `t`; nothing once it has failed. A record counts if it has all arguments.
pub(super) fn user(origin: Time, operator: &UserOperator, inputs: &[&[Occurrence]]) -> State {
    let mut state = operator.code.initial().to_vec();
    let mut said: Vec<(Time, Option<Value>)> = vec![];
    for event in inputs.first().copied().unwrap_or_default() {
        let same = |other: &&Occurrence| (other.time, other.place) == (event.time, event.place);
        let argument = |events: &&[Occurrence]| events.iter().find(same).and_then(|e| e.payload.clone());
        let Some(arguments) = inputs.iter().map(argument).collect() else { continue };
        let result = operator.call(event.time, arguments, &mut state);
        said.push((event.time, result.clone().unwrap_or(None)));
        if result.is_err() {
            break;
        }
    }
    Piecewise::at_instants(std::iter::once(origin).chain(said.iter().map(|(at, _)| *at)).collect(), |t| {
        said.iter().rev().find(|(at, _)| *at <= t).and_then(|(_, value)| value.clone())
    })
}
