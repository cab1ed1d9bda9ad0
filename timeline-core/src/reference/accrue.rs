//! Numbers that grow by themselves between changes of their input, choices, and scopes.

use super::logic::truth;
use super::number::{Numbers, zero};
use super::piecewise::{Piece, Piecewise, since};
use super::state::{State, true_stretches};
use crate::plan::Unit;
use crate::{Linear, Time, Value};

/// The longest true stretch so far, the one that goes on included.
pub(super) fn longest(state: &State) -> Numbers {
    let stretches = true_stretches(state);
    // The longest of the stretches that are over at `t`, and what the one that goes on has come to.
    let over = |t: Time| stretches.iter().filter_map(|(s, e)| e.filter(|e| *e <= t).map(|e| since(*s, e))).max();
    let running = |t: Time| stretches.iter().find(|(s, e)| *s <= t && e.is_none_or(|e| t < e)).map(|(s, _)| *s);
    let overtakes = stretches.iter().filter_map(|(s, _)| s.checked_add(Time::try_from(over(*s).unwrap_or(0)).ok()?));
    Piecewise::at_instants(state.starts().into_iter().chain(overtakes).collect(), |t| {
        let (best, present) = (over(t).unwrap_or(0), running(t).map(|s| since(s, t)));
        Some(match present {
            Some(present) if present >= best => Linear::Exact { value: present, slope: 1 },
            _ => Linear::exact(best),
        })
    })
}

/// How long the last value that was left had been in force.
pub(super) fn duration_of_previous_state(state: &State) -> Numbers {
    let left: Vec<(Time, i128)> = state
        .spans()
        .into_iter()
        .filter(|span| span.value.is_some())
        .filter_map(|span| span.end.map(|end| (end, since(span.start, end))))
        .collect();
    Piecewise::at_instants(state.starts(), |t| {
        left.iter().rev().find(|(end, _)| *end <= t).map(|(_, length)| Linear::exact(*length))
    })
}

/// The value times the time for which it was in force; `over` says when it counts.
pub(super) fn integral(x: &Numbers, over: Option<&State>) -> Numbers {
    let always = Piecewise::constant(x.origin(), Some(Value::Bool(true)));
    let in_force = x.with(over.unwrap_or(&always), |x, over| {
        let counts = truth(&over) == Some(true);
        let value = x.filter(|_| counts).map_or(0.0, |x| x.as_floats().0 + 0.0);
        Linear::float(if value.is_finite() { value } else { 0.0 })
    });
    let spans = in_force.spans();
    Piecewise::at_instants(in_force.starts(), |t| {
        let begun = spans.iter().filter(|span| span.start < t);
        let come_to = begun.fold(Linear::float(0.0), |sum, span| {
            let end = span.end.map_or(t, |end| end.min(t));
            sum.add(Linear::float(span.value.as_floats().0 * since(span.start, end) as f64))
        });
        // What is in force from here on has come to nothing yet.
        Some(match come_to {
            Linear::Float { value, rest, .. } => Linear::Float { value, rest, slope: in_force.at(t).as_floats().0 },
            exact => exact,
        })
    })
}

/// One of two where the condition is true, the other elsewhere.
pub(super) fn choice<T: Piece>(condition: &State, then: &Piecewise<T>, otherwise: &Piecewise<T>) -> Piecewise<T> {
    let holds = |t: Time| truth(&condition.at(t)) == Some(true);
    let starts = [condition.starts(), then.starts(), otherwise.starts()].concat();
    Piecewise::at_instants(starts, |t| if holds(t) { then.at(t) } else { otherwise.at(t) })
}

/// The first where it has a value, else the second.
pub(super) fn coalesce<T: Clone>(first: &Piecewise<Option<T>>, second: &Piecewise<Option<T>>) -> Piecewise<Option<T>>
where
    Option<T>: Piece,
{
    first.with(second, |a, b| a.or(b))
}

/// The windows of the clock, as far as the session is looked at and ten more; the last of them goes on.
pub(super) fn windows(origin: Time, horizon: Time, length: Time) -> State {
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

/// `x` less what it was just before the state's last change.
pub(super) fn scope(x: &Piecewise<Linear>, by: &State, unit: Unit) -> Piecewise<Linear> {
    let changes = by.starts();
    Piecewise::at_instants(x.starts().into_iter().chain(by.starts()).collect(), |t| {
        let change = changes.iter().rev().find(|change| **change <= t);
        let before = change.and_then(|change| x.before(*change)).unwrap_or(zero(unit));
        x.at(t).sub(before.level())
    })
}
