//! Operators that gather events: counts, sums, extremes, the first and earlier ones, and the time since the last one.

use super::events::{Occurrence, times};
use super::number::Numbers;
use super::piecewise::{Piecewise, since};
use super::state::{State, Stretch};
use crate::number::add_finite;
use crate::{Linear, Time, Value};
use std::cmp::Ordering;

/// How many matches there were at or before `t`.
pub(super) fn count(origin: Time, events: &[Occurrence]) -> Numbers {
    let times = times(events);
    Piecewise::at_instants(instants(origin, &times), |t| whole(times.iter().filter(|x| **x <= t).count()))
}

/// How many matches there were in `(t - window, t]`.
pub(super) fn count_within(origin: Time, events: &[Occurrence], window: Time) -> Numbers {
    let times = times(events);
    let ends = times.iter().filter_map(|x| x.checked_add(window));
    let all = instants(origin, &times).into_iter().chain(ends).collect();
    let counts = |x: &&Time, t: Time| **x <= t && since(**x, t) < i128::from(window);
    Piecewise::at_instants(all, |t| whole(times.iter().filter(|x| counts(x, t)).count()))
}

/// The first payload that is not null.
pub(super) fn first(origin: Time, events: &[Occurrence]) -> State {
    until(origin, events, |past| past.iter().find_map(|e| e.payload.clone()))
}

/// The payload of the event `n` before the last one.
pub(super) fn previous(origin: Time, events: &[Occurrence], n: u16) -> State {
    until(origin, events, |past| past.iter().rev().nth(usize::from(n)).and_then(|e| e.payload.clone()))
}

/// Whether the last payload came in no event before its instant, as far as the `cap` values seen last are remembered.
pub(super) fn is_new(origin: Time, events: &[Occurrence], cap: u32) -> State {
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
    until(origin, events, says)
}

/// The least or the greatest payload: the one that compares so with all before it.
pub(super) fn extreme(origin: Time, events: &[Occurrence], wanted: Ordering) -> State {
    let better = |best: Value, next: Value| if next.compare(&best) == Some(wanted) { next } else { best };
    until(origin, events, |past| past.iter().filter_map(|e| e.payload.clone()).reduce(better))
}

/// The sum of the payloads, which are all of the type of `zero`.
pub(super) fn sum(origin: Time, events: &[Occurrence], zero: Value) -> Numbers {
    let times: Vec<Time> = events.iter().map(|e| e.time).collect();
    Piecewise::at_instants(instants(origin, &times), |t| {
        let past = events.iter().filter(|e| e.time <= t).filter_map(|e| e.payload.as_ref());
        Some(match zero {
            Value::Float(_) => {
                let floats = past.filter_map(|x| if let Value::Float(x) = x { Some(*x) } else { None });
                let (value, rest) = floats.fold((0.0, 0.0), add_finite);
                Linear::Float { value, rest, slope: 0.0 }
            }
            _ => {
                let whole = past.filter_map(|x| if let Value::Int(x) = x { Some(*x) } else { None });
                Linear::exact(i128::from(whole.fold(0, i64::saturating_add)))
            }
        })
    })
}

/// The time since the end of the last stretch that has begun; 0 within one.
pub(super) fn time_since(origin: Time, stretches: &[Stretch]) -> Numbers {
    let edges = stretches.iter().flat_map(|(start, end)| [Some(*start), *end]).flatten().collect::<Vec<_>>();
    Piecewise::at_instants(instants(origin, &edges), |t| {
        let (_, end) = stretches.iter().rev().find(|(start, _)| *start <= t)?;
        match end.filter(|end| *end <= t) {
            None => Some(Linear::exact(0)),
            Some(end) => Some(Linear::Exact { value: since(end, t), slope: 1 }),
        }
    })
}

/// The function of the events at or before each instant.
fn until(origin: Time, events: &[Occurrence], f: impl Fn(&[Occurrence]) -> Option<Value>) -> State {
    let times: Vec<Time> = events.iter().map(|e| e.time).collect();
    Piecewise::at_instants(instants(origin, &times), |t| f(&events[..times.iter().filter(|x| **x <= t).count()]))
}

fn instants(origin: Time, times: &[Time]) -> Vec<Time> {
    std::iter::once(origin).chain(times.iter().copied()).collect()
}

fn whole(count: usize) -> Option<Linear> {
    Some(Linear::exact(count as i128))
}
