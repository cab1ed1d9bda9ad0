//! States, and the stretches on which they are true.

use super::logic::{boolean, truth};
use super::piecewise::Piecewise;
use crate::{Time, Value};

/// A step function; absent is `None`.
pub(crate) type StateTimeline = Piecewise<Option<Value>>;

/// A stretch `[start, end)`; without an end it is for ever.
pub(crate) type StateSpan = (Time, Option<Time>);

/// True on the union of the stretches, false elsewhere.
pub(crate) fn true_on(origin: Time, stretches: &[StateSpan]) -> StateTimeline {
    let edges = stretches.iter().flat_map(|(start, end)| [Some(*start), *end]).flatten();
    Piecewise::at_instants(std::iter::once(origin).chain(edges).collect(), |t| {
        boolean(Some(stretches.iter().any(|(start, end)| *start <= t && end.is_none_or(|end| t < end))))
    })
}

/// The maximal stretches on which a boolean state is true.
pub(crate) fn true_stretches(state: &StateTimeline) -> Vec<StateSpan> {
    state.spans().into_iter().filter(|s| truth(&s.value) == Some(true)).map(|s| (s.start, s.end)).collect()
}
