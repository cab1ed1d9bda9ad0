//! One pass over the operations: the evaluation that ends an instant.

use super::AlertSpan;
use super::code::Pass;
use super::compile::Compiled;
use super::derived::Happened;
use super::dictionary::Dictionary;
use super::rest::{self, RestPass};
use super::row::{FRESH, NEVER, NOT_SINCE, Row, truth};
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
        let pass = Pass { compiled, dictionary, dirty, node, pending, now, fresh };
        // The operators of which most queries are made are run here, so that the pass over them is one loop.
        let changed = match compiled.codes[node].run(pass, row) {
            Some(changed) => changed,
            None => rest::step(RestPass { compiled, dictionary, dirty, happened, node, pending, now, fresh }, row),
        };
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

/// The first instant after `now` at which some node changes by itself.
pub(super) fn next_deadline(compiled: &Compiled, row: &Row<'_>, now: Time) -> Time {
    let deadlines = compiled.timed.iter().map(|(_, deadline)| deadline.get(row.words));
    deadlines.filter(|at| *at > now).min().unwrap_or(NEVER)
}

/// Which of the timed nodes change by themselves at an instant, as a set of their places in the list of them; what has no
/// bit of its own shares the last one.
#[inline]
pub(super) fn due(compiled: &Compiled, row: &Row<'_>, now: Time) -> u64 {
    let due = compiled.timed.iter().enumerate().filter(|(_, (_, deadline))| deadline.get(row.words) == now);
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
