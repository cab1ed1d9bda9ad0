//! Events, and where each stands among those of its instant.

use super::piecewise::since;
use super::whole::matches;
use crate::record::Order;
use crate::{Time, Value};

/// One event of an event timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// When it happened.
    pub time: Time,
    /// Where it stands among the events of its instant.
    pub place: EventRank,
    /// What it carries; `None` is null.
    pub payload: Option<Value>,
}

/// Where an event stands among those of its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventRank {
    /// Where the record stands that it speaks of: by its source, the producer's order, then by place in the log.
    Record(u8, Option<Order>, u64),
    /// After all records of the instant; such events are simultaneous, none comes before another.
    Instant,
}

impl Occurrence {
    /// What becomes true at an instant, by the states of that instant.
    pub(crate) fn of_instant(time: Time) -> Self {
        Occurrence { time, place: EventRank::Instant, payload: Some(Value::Bool(true)) }
    }

    /// Whether another one comes later, and less than `window` later.
    pub(crate) fn is_followed_by(&self, other: &Occurrence, window: Time) -> bool {
        (self.time, self.place) < (other.time, other.place) && since(self.time, other.time) < i128::from(window)
    }

    pub(crate) fn is_match(&self) -> bool {
        matches(&self.payload)
    }
}

/// The times of the matches.
pub(crate) fn times(events: &[Occurrence]) -> Vec<Time> {
    events.iter().filter(|e| e.is_match()).map(|e| e.time).collect()
}
