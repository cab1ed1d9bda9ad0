//! One pass over the operations: the evaluation that ends an instant.

use super::AlertSpan;
use super::code::{Bool, Code, Existing};
use super::compile::Compiled;
use super::derived::{Derived, Happened};
use super::dictionary::Dictionary;
use super::expression;
use super::row::{ABSENT, FRESH, NEVER, NOT_SINCE, Row, truth};
use super::{accrue, number, rest, split, window};
use crate::Time;

/// Runs a program at the row's instant; `pending` are the columns that events of the instant had.
pub(super) fn run(
    compiled: &Compiled,
    dictionary: &mut Dictionary,
    (dirty, happened): (&mut [bool], &mut Happened),
    row: &mut Row<'_>,
    program: usize,
    pending: u64,
    alerts: &mut Vec<AlertSpan>,
) {
    let program = &compiled.programs[program];
    let fresh = pending == FRESH;
    let now = row.now();
    dirty.fill(fresh);
    for &node in &program.nodes {
        let node = usize::from(node);
        let changed = step(compiled, dictionary, (dirty, happened), row, node, pending, now, fresh);
        dirty[node] |= changed;
    }
    if program.timed || fresh {
        let next = next_deadline(compiled, row, now);
        row.set_deadline(next);
    }
    if program.alerts {
        tell_alerts(compiled, row, now, alerts);
    }
}

/// Brings one node up to date; true if it may have changed.
///
/// The operators of which most queries are made are here, so that the pass over them is one loop; others are in [`rest`].
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn step(
    compiled: &Compiled,
    dictionary: &mut Dictionary,
    (dirty, happened): (&mut [bool], &mut Happened),
    row: &mut Row<'_>,
    node: usize,
    pending: u64,
    now: Time,
    fresh: bool,
) -> bool {
    let is_dirty = |on: u16| dirty[usize::from(on)];
    match &compiled.codes[node] {
        Code::Nothing => false,
        Code::Pulled { inputs: [a, b] } => is_dirty(*a) || is_dirty(*b),
        Code::PulledOfThree { inputs: [a, b, c] } => is_dirty(*a) || is_dirty(*b) || is_dirty(*c),
        Code::Constant { out, value } => {
            if fresh && out.word != 0 {
                out.set(row.words, *value & 3);
            }
            false
        }
        Code::Latest { columns, at, out, ttl } => {
            let expired = *ttl && row.words[at + 1] as Time <= now;
            if expired {
                row.words[*at] = ABSENT;
                row.words[at + 1] = NEVER as u64;
            }
            // Events that are made in this pass have said so already.
            let changed = expired || columns & pending != 0 || dirty[node];
            if let (true, Some(out)) = (changed, out) {
                let value = if row.words[*at] == ABSENT { truth::ABSENT } else { row.words[*at] };
                return put(row, *out, value);
            }
            changed
        }
        Code::Written { columns } => columns & pending != 0,
        Code::StateExisted { on, of, out } => {
            is_dirty(*on) && of.get(row.words) == truth::TRUE && put(row, *out, truth::TRUE)
        }
        Code::EventWithin { at, out, .. } => put(row, *out, u64::from(row.words[*at] as Time > now)),
        Code::StateWithin { on, of, at, out, window } => {
            let until = row.words[*at] as Time;
            if is_dirty(*on) {
                let held = of.get(row.words) == truth::TRUE;
                if held {
                    row.words[*at] = NEVER as u64;
                } else if out.get(row.words) == truth::TRUE && until == NEVER {
                    row.words[*at] = now.saturating_add(*window) as u64;
                }
            }
            put(row, *out, u64::from(row.words[*at] as Time > now))
        }
        Code::HeldFor { on, of, at, out, length } => {
            if is_dirty(*on) {
                let held = of.get(row.words) == truth::TRUE;
                let since = row.words[*at] as Time;
                if !held {
                    row.words[*at] = NOT_SINCE as u64;
                } else if since == NOT_SINCE {
                    row.words[*at] = now as u64;
                }
            }
            let since = row.words[*at] as Time;
            put(row, *out, u64::from(since != NOT_SINCE && since.saturating_add(*length) <= now))
        }
        Code::DurationWhere { on, of, at } => {
            if !is_dirty(*on) {
                return false;
            }
            let running = of.get(row.words) == truth::TRUE;
            let since = row.words[at + 1] as Time;
            match (running, since == NOT_SINCE) {
                (true, true) => row.words[at + 1] = now as u64,
                (false, false) => {
                    let accumulated = row.words[*at] as Time;
                    row.words[*at] = accumulated.saturating_add(now.saturating_sub(since)) as u64;
                    row.words[at + 1] = NOT_SINCE as u64;
                }
                _ => return fresh,
            }
            true
        }
        Code::DurationInCurState { on, of, at } => {
            if !is_dirty(*on) {
                return false;
            }
            let value = of.get(row.words);
            if value != row.words[at + 1] || fresh {
                row.words[*at] = now as u64;
                row.words[at + 1] = value;
                return true;
            }
            false
        }
        Code::CompareStates { on: [a, b], compare, types, of: [left, right], out } => {
            if !is_dirty(*a) && !is_dirty(*b) && !fresh {
                return false;
            }
            let value = match (left.get(row.words), right.get(row.words)) {
                (ABSENT, _) | (_, ABSENT) => truth::ABSENT,
                (a, b) => u64::from(compare.holds(expression::order(*types, a, b, dictionary))),
            };
            put(row, *out, value)
        }
        Code::CompareNumbers { on: [a, b], at, out } => {
            if !is_dirty(*a) && !is_dirty(*b) && !fresh && row.words[*at] as Time > now {
                return false;
            }
            let (value, turns_in) = number::compare(compiled, row, node);
            row.words[*at] = turns_in.map_or(NEVER, |dt| now.saturating_add(dt)) as u64;
            put(row, *out, value)
        }
        Code::Not { on, of, out } => {
            is_dirty(*on)
                && put(
                    row,
                    *out,
                    match of.get(row.words) {
                        truth::ABSENT => truth::ABSENT,
                        value => value ^ 1,
                    },
                )
        }
        Code::And { on: [a, b], of: [x, y], out } => {
            (is_dirty(*a) || is_dirty(*b)) && put(row, *out, kleene_and(x.get(row.words), y.get(row.words)))
        }
        Code::Or { on: [a, b], of: [x, y], out } => {
            (is_dirty(*a) || is_dirty(*b)) && put(row, *out, kleene_or(x.get(row.words), y.get(row.words)))
        }
        Code::OverLast { on, at } => {
            if !is_dirty(*on) && !fresh && row.words[*at] as Time > now {
                return false;
            }
            window::update(compiled, row, node, fresh);
            true
        }
        Code::Split { by, of, at } => {
            let switched = fresh || by.iter().any(|(on, _)| is_dirty(*on));
            if switched || (is_dirty(*of) || row.words[at + 1] as Time <= now) {
                split::update(compiled, row, node, switched, fresh);
            }
            false
        }
        Code::Derived(_)
        | Code::Mixed(_)
        | Code::CountWithin { .. }
        | Code::StateSince { .. }
        | Code::Longest { .. }
        | Code::DurationOfPreviousState { .. }
        | Code::Integral { .. }
        | Code::If { .. }
        | Code::Coalesce { .. }
        | Code::Apply { .. }
        | Code::Exists { .. }
        | Code::Every { .. }
        | Code::Concurrency { .. }
        | Code::Scope { .. } => rest::step(compiled, dictionary, (dirty, happened), row, node, pending, fresh),
    }
}

/// Writes a truth value; true if it is another one than before.
#[inline]
fn put(row: &mut Row<'_>, out: Bool, value: u64) -> bool {
    let changed = out.get(row.words) != value;
    if changed {
        out.set(row.words, value);
    }
    changed
}

#[inline]
fn kleene_and(a: u64, b: u64) -> u64 {
    match (a, b) {
        (truth::FALSE, _) | (_, truth::FALSE) => truth::FALSE,
        (truth::TRUE, truth::TRUE) => truth::TRUE,
        _ => truth::ABSENT,
    }
}

#[inline]
fn kleene_or(a: u64, b: u64) -> u64 {
    match (a, b) {
        (truth::TRUE, _) | (_, truth::TRUE) => truth::TRUE,
        (truth::FALSE, truth::FALSE) => truth::FALSE,
        _ => truth::ABSENT,
    }
}

/// The first instant after `now` at which some node changes by itself.
pub(super) fn next_deadline(compiled: &Compiled, row: &Row<'_>, now: Time) -> Time {
    let deadlines = compiled.timed.iter().map(|node| deadline(compiled, row, *node));
    deadlines.filter(|at| *at > now).min().unwrap_or(NEVER)
}

/// When a node that is timed changes by itself; what is over already is no change.
#[inline]
pub(super) fn deadline(compiled: &Compiled, row: &Row<'_>, node: usize) -> Time {
    match &compiled.codes[node] {
        Code::Latest { at, .. } | Code::Split { at, .. } | Code::Every { at, .. } | Code::CountWithin { at, .. } => {
            row.words[at + 1] as Time
        }
        Code::Longest { at, .. } => accrue::overtakes(row.words, *at),
        Code::HeldFor { at, length, .. } => match row.words[*at] as Time {
            NOT_SINCE => NEVER,
            since => since.saturating_add(*length),
        },
        Code::EventWithin { at, .. }
        | Code::StateWithin { at, .. }
        | Code::CompareNumbers { at, .. }
        | Code::Derived(Derived::NotFollowedBy { at, .. })
        | Code::Exists { of: Existing::Ratio { at, .. }, .. }
        | Code::OverLast { at, .. } => row.words[*at] as Time,
        _ => NEVER,
    }
}

/// Which of the timed nodes change by themselves at an instant, as a set of their places in the list of them; what has no
/// bit of its own shares the last one.
#[inline]
pub(super) fn due(compiled: &Compiled, row: &Row<'_>, now: Time) -> u64 {
    let due = compiled.timed.iter().enumerate().filter(|(_, node)| deadline(compiled, row, **node) == now);
    due.fold(0, |set, (place, _)| set | 1 << place.min(63))
}

fn tell_alerts(compiled: &Compiled, row: &mut Row<'_>, now: Time, alerts: &mut Vec<AlertSpan>) {
    for (alert, root, at) in &compiled.alerts {
        let is_on = root.get(row.words) == truth::TRUE;
        let start = row.words[*at] as Time;
        match (is_on, start == NOT_SINCE) {
            (true, true) => row.words[*at] = now as u64,
            (false, false) => {
                alerts.push(AlertSpan { alert: *alert, start, end: now });
                row.words[*at] = NOT_SINCE as u64;
            }
            _ => {}
        }
    }
}

/// Ends the open spans of alerts at the row's instant; one that would be empty is none.
pub(super) fn end_alerts(compiled: &Compiled, row: &mut Row<'_>, alerts: &mut Vec<AlertSpan>) {
    let end = row.now();
    for (alert, _, at) in &compiled.alerts {
        let start = row.words[*at] as Time;
        if start != NOT_SINCE && start < end {
            alerts.push(AlertSpan { alert: *alert, start, end });
        }
        row.words[*at] = NOT_SINCE as u64;
    }
}
