//! Windows of the clock.

use super::piecewise::Piecewise;
use super::state::State;
use crate::{Time, Value};

/// The windows of the clock, as far as the session is looked at and ten more; the last of them goes on.
pub(crate) fn windows(origin: Time, horizon: Time, length: Time) -> State {
    let first = origin.div_euclid(length);
    let until = horizon.saturating_add(length.saturating_mul(10));
    let starts = (first + 1..).map_while(|n| n.checked_mul(length)).take_while(|start| *start <= until);
    Piecewise::at_instants(std::iter::once(origin).chain(starts).collect(), |t| Some(Value::Int(window(length, t).0)))
}

/// The window in which an instant is.
pub(super) fn window(length: Time, t: Time) -> (Time, Time) {
    let n = t.div_euclid(length);
    (n.saturating_mul(length).max(-Time::MAX), n.saturating_add(1).saturating_mul(length))
}
