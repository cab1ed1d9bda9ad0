//! Operators that make states of events and states.

use super::events::Occurrence;
use super::logic::{boolean, truth};
use super::piecewise::Piecewise;
use crate::{Time, Value};

/// A step function; absent is `None`.
pub(super) type State = Piecewise<Option<Value>>;

/// A stretch `[start, end)`; without an end it is for ever.
pub(super) type Stretch = (Time, Option<Time>);

/// The payload of the last event at or before `t`, if that is less than `ttl` ago.
pub(super) fn latest(origin: Time, events: &[Occurrence], ttl: Option<Time>) -> State {
    let expiry = |x: Time| ttl.and_then(|d| x.checked_add(d));
    let instants = std::iter::once(origin)
        .chain(events.iter().map(|e| e.time))
        .chain(events.iter().filter_map(|e| expiry(e.time)))
        .collect();
    Piecewise::at_instants(instants, |t| {
        let last = events.iter().rev().find(|e| e.time <= t)?;
        if expiry(last.time).is_some_and(|end| end <= t) { None } else { last.payload.clone() }
    })
}

/// True on the union of the stretches, false elsewhere.
pub(super) fn true_on(origin: Time, stretches: &[Stretch]) -> State {
    let edges = stretches.iter().flat_map(|(start, end)| [Some(*start), *end]).flatten();
    Piecewise::at_instants(std::iter::once(origin).chain(edges).collect(), |t| {
        boolean(Some(stretches.iter().any(|(start, end)| *start <= t && end.is_none_or(|end| t < end))))
    })
}

/// The maximal stretches on which a boolean state is true.
pub(super) fn true_stretches(state: &State) -> Vec<Stretch> {
    state.spans().into_iter().filter(|s| truth(&s.value) == Some(true)).map(|s| (s.start, s.end)).collect()
}

/// The stretches from the first of them on, for ever.
pub(super) fn from_the_first(stretches: &[Stretch]) -> Vec<Stretch> {
    stretches.iter().map(|(start, _)| (*start, None)).min().into_iter().collect()
}

/// Each stretch with its end `window` later; past the end of time it has none.
pub(super) fn prolonged(stretches: &[Stretch], window: Time) -> Vec<Stretch> {
    stretches.iter().map(|(start, end)| (*start, end.and_then(|end| end.checked_add(window)))).collect()
}

/// What is left of each stretch from `length` after its start on.
pub(super) fn held(stretches: &[Stretch], length: Time) -> Vec<Stretch> {
    let held = stretches.iter().filter_map(|(start, end)| Some((start.checked_add(length)?, *end)));
    held.filter(|(start, end)| end.is_none_or(|end| *start < end)).collect()
}
