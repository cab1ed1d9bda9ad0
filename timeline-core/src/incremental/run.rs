//! One pass over the operations: the evaluation that ends an instant.

use super::AlertSpan;
use super::apart::{self, ApartPass};
use super::code::Pass;
use super::compile::{AlertCode, CompiledPlan};
use super::derived::PassEvents;
use super::dictionary::Dictionary;
use super::row::{FRESH, NEVER, NOT_SINCE, Row, truth};
use super::value_of;
use crate::plan::{NodeId, TimelineKind};
use crate::{Time, Value};

/// Runs a program at the row's instant; `pending` are the columns by which events of it changed something.
pub(super) fn run(
    compiled: &CompiledPlan,
    dictionary: &mut Dictionary,
    (dirty, pass_events): (&mut [bool], &mut PassEvents),
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
            None => apart::step(ApartPass { compiled, dictionary, dirty, pass_events, node, pending, now, fresh }, row),
        };
        dirty[node] |= changed;
    }
    if program.timed || fresh {
        let next = next_deadline(compiled, row, now);
        row.set_deadline(next);
    }
    if program.alerts {
        tell_alerts(compiled, dictionary, row, now, alerts);
    }
}

/// The first instant after `now` at which some node changes by itself.
#[inline(always)]
pub(super) fn next_deadline(compiled: &CompiledPlan, row: &Row<'_>, now: Time) -> Time {
    let deadlines = compiled.timed.iter().map(|(_, deadline)| deadline.get(row.words));
    deadlines.filter(|at| *at > now).min().unwrap_or(NEVER)
}

/// Which of the timed nodes change by themselves at an instant, as a set of their places in the list of them; what has no
/// bit of its own shares the last one.
#[inline]
pub(super) fn due(compiled: &CompiledPlan, row: &Row<'_>, now: Time) -> u64 {
    let due = compiled.timed.iter().enumerate().filter(|(_, (_, deadline))| deadline.get(row.words) == now);
    due.fold(0, |set, (place, _)| set | 1 << place.min(63))
}

fn tell_alerts(
    compiled: &CompiledPlan,
    dictionary: &Dictionary,
    row: &mut Row<'_>,
    now: Time,
    alerts: &mut Vec<AlertSpan>,
) {
    for code in &compiled.alerts {
        let is_on = code.root.get(row.words) == truth::TRUE;
        let start = row.words[code.at] as Time;
        match (is_on, start == NOT_SINCE) {
            (true, true) => {
                row.words[code.at] = now as u64;
                for (i, (_, state)) in code.beside.iter().enumerate() {
                    row.words[code.at + 1 + i] = state.get(row.words);
                }
            }
            (false, false) => {
                let with = code.values(compiled, dictionary, row);
                alerts.push(AlertSpan { alert: code.alert, start, end: now, with });
                row.words[code.at] = NOT_SINCE as u64;
            }
            _ => {}
        }
    }
}

/// Ends the open spans of alerts at the row's instant; one that would be empty is none.
pub(super) fn end_alerts(
    compiled: &CompiledPlan,
    dictionary: &Dictionary,
    row: &mut Row<'_>,
    alerts: &mut Vec<AlertSpan>,
) {
    let end = row.now();
    for code in &compiled.alerts {
        let start = row.words[code.at] as Time;
        if start != NOT_SINCE && start < end {
            let with = code.values(compiled, dictionary, row);
            alerts.push(AlertSpan { alert: code.alert, start, end, with });
        }
        row.words[code.at] = NOT_SINCE as u64;
    }
}

impl AlertCode {
    /// What is shown beside the span that is open.
    pub(super) fn values(&self, compiled: &CompiledPlan, dictionary: &Dictionary, row: &Row<'_>) -> Vec<Option<Value>> {
        let value = |(i, (id, _)): (usize, &(NodeId, _))| match compiled.plan.node(*id).kind {
            TimelineKind::State(ty) => value_of(row.words[self.at + 1 + i], ty, dictionary),
            TimelineKind::Event(_) | TimelineKind::Number(_) | TimelineKind::Ratio(_) => None,
        };
        self.beside.iter().enumerate().map(value).collect()
    }
}
