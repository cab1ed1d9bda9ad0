//! Functions of the events so far.

use super::events::Occurrence;
use super::piecewise::Piecewise;
use super::state::StateTimeline;
use crate::{Linear, Time, Value};

/// The function of the events at or before each instant.
pub(crate) fn until(origin: Time, events: &[Occurrence], f: impl Fn(&[Occurrence]) -> Option<Value>) -> StateTimeline {
    let times: Vec<Time> = events.iter().map(|e| e.time).collect();
    Piecewise::at_instants(instants(origin, &times), |t| f(&events[..times.iter().filter(|x| **x <= t).count()]))
}

/// The origin, and these.
pub(crate) fn instants(origin: Time, times: &[Time]) -> Vec<Time> {
    std::iter::once(origin).chain(times.iter().copied()).collect()
}

/// A count as a number.
pub(crate) fn whole_number(count: usize) -> Option<Linear> {
    Some(Linear::exact(count as i128))
}
