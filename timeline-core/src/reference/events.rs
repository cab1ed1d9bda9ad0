//! Operators that make events: of states, of other events, and of both.

use super::piecewise::since;
use super::state::{State, true_stretches};
use super::whole::matches;
use crate::record::Order;
use crate::{Time, Value};

/// One event of an event timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// When it happened.
    pub time: Time,
    /// Where it stands among the events of its instant.
    pub place: Place,
    /// What it carries; `None` is null.
    pub payload: Option<Value>,
}

/// Where an event stands among those of its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Where the record stands that it speaks of: by its source, the producer's order, then by place in the log.
    Record(u8, Option<Order>, u64),
    /// After all records of the instant; such events are simultaneous, none comes before another.
    Instant,
}

impl Occurrence {
    /// What becomes true at an instant, by the states of that instant.
    fn of_instant(time: Time) -> Self {
        Occurrence { time, place: Place::Instant, payload: Some(Value::Bool(true)) }
    }

    fn is_before(&self, other: &Occurrence) -> bool {
        (self.time, self.place) < (other.time, other.place)
    }

    fn is_match(&self) -> bool {
        matches(&self.payload)
    }
}

/// The times of the matches.
pub(super) fn times(events: &[Occurrence]) -> Vec<Time> {
    events.iter().filter(|e| e.is_match()).map(|e| e.time).collect()
}

/// Where the state becomes true.
pub(super) fn rises(state: &State) -> Vec<Occurrence> {
    true_stretches(state).into_iter().map(|(start, _)| Occurrence::of_instant(start)).collect()
}

/// Where the state stops being true.
pub(super) fn falls(state: &State) -> Vec<Occurrence> {
    true_stretches(state).into_iter().filter_map(|(_, end)| end.map(Occurrence::of_instant)).collect()
}

/// Where the state goes from a value to another one.
pub(super) fn changes(state: &State) -> Vec<Occurrence> {
    let spans = state.spans();
    // Spans are maximal, so neighbours differ.
    let both = spans.windows(2).filter(|pair| pair.iter().all(|span| span.value.is_some()));
    both.map(|pair| Occurrence::of_instant(pair[1].start)).collect()
}

/// Where one of the two has a match: at a record, or at an instant after its records.
pub(super) fn either(a: &[Occurrence], b: &[Occurrence]) -> Vec<Occurrence> {
    let mut places: Vec<(Time, Place)> =
        a.iter().chain(b).filter(|e| e.is_match()).map(|e| (e.time, e.place)).collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|(time, place)| Occurrence { time, place, payload: Some(Value::Bool(true)) }).collect()
}

/// The matches, carrying what the timeline is at their instants.
pub(super) fn at(events: &[Occurrence], timeline: impl Fn(Time) -> Option<Value>) -> Vec<Occurrence> {
    let sample = |e: &Occurrence| Occurrence { payload: timeline(e.time), ..e.clone() };
    events.iter().filter(|e| e.is_match()).map(sample).collect()
}

/// The matches, carrying what is said of each.
pub(super) fn each(events: &[Occurrence], says: impl Fn(&Occurrence) -> Option<Value>) -> Vec<Occurrence> {
    events.iter().filter(|e| e.is_match()).map(|e| Occurrence { payload: says(e), ..e.clone() }).collect()
}

/// The matches of `then` with an earlier match of `first` less than `window` before.
pub(super) fn followed_by(first: &[Occurrence], then: &[Occurrence], window: Time) -> Vec<Occurrence> {
    let follows = |b: &&Occurrence| b.is_match() && first.iter().any(|a| a.is_match() && is_followed(a, b, window));
    let says_true = |b: &Occurrence| Occurrence { payload: Some(Value::Bool(true)), ..b.clone() };
    then.iter().filter(follows).map(says_true).collect()
}

/// `window` after each match of `first` that no later match of `then` follows before that.
pub(super) fn not_followed_by(first: &[Occurrence], then: &[Occurrence], window: Time) -> Vec<Occurrence> {
    let alone = |a: &&Occurrence| a.is_match() && !then.iter().any(|b| b.is_match() && is_followed(a, b, window));
    let due = |a: &Occurrence| a.time.checked_add(window).map(Occurrence::of_instant);
    first.iter().filter(alone).filter_map(due).collect()
}

fn is_followed(a: &Occurrence, b: &Occurrence, window: Time) -> bool {
    a.is_before(b) && since(a.time, b.time) < i128::from(window)
}
