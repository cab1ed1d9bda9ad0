//! One session, step by step: begun by its first event, ended by an event, by silence or by age.
//!
//! **Invariant:** all of it is decided on event time alone: the same events give the same sessions, however they were
//! batched and whenever somebody looked. The watermark only says when a decision can be known.
//!
//! An end event goes before age, and age before silence, where they fall on one instant.

mod reading;
mod rules;
mod unfinished;
mod work;

pub(super) use rules::SessionRules;
pub(super) use unfinished::{StepResult, TimerBudget, UnfinishedStep};
pub(super) use work::SessionWork;

use crate::records::{AlertRow, FailedOperator, LateEvent, SessionSnapshot};
use crate::totals::{MetricTotals, SessionFold};
use compact_str::CompactString;
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::incremental::{AlertSpan, EvaluationOutput, Match, Observer, Row, Window};
use timeline_core::plan::Plan;

/// What sessions tell while they go on.
#[derive(Debug, Default)]
pub struct SessionOutput {
    /// Sessions that ended, and windows of sessions that are over for good.
    pub closed: Vec<SessionSnapshot>,
    /// Spans of alerts that ended.
    pub alerts: Vec<AlertRow>,
    /// Events that were dropped because they had come before.
    pub duplicates: u64,
    /// Events that wait, and come after the end of their session as it is at the horizon of a reading. They are in no
    /// ledger: what else comes may make their session longer.
    pub stragglers: Vec<LateEvent>,
    /// User operators that failed; in a reading only at events that wait, and they fail again when those come.
    pub failed: Vec<FailedOperator>,
    /// In a reading, before which instant all is as it will be; not said where what is told is told for good.
    pub certain: Option<Time>,
    /// What metrics of events have counted, if anything.
    pub counted: Option<MetricTotals>,
    /// Where rows of sessions are not wanted, what those that ended come to; then none is among the closed ones.
    pub folded: Option<SessionFold>,
    spans: Vec<AlertSpan>,
    windows: Vec<Window>,
    matches: Vec<Match>,
    /// Windows that have ended and are not over for good.
    open: Vec<SessionSnapshot>,
}

/// What sessions that are alive are read for.
pub enum SessionSink<'a> {
    /// Rows of them and of their windows.
    Rows(&'a mut dyn FnMut(SessionSnapshot)),
    /// What they come to.
    Totals(&'a mut SessionFold),
}

impl SessionSink<'_> {
    fn row(&mut self, plan: &Plan, row: SessionSnapshot) {
        match self {
            SessionSink::Rows(tell) => tell(row),
            SessionSink::Totals(fold) => fold.add(plan, &row),
        }
    }
}

/// Sees the evaluations of the sessions of one key.
pub trait Watcher: Observer {
    /// One that has seen nothing yet.
    fn new(plan: &Arc<Plan>) -> Self;
    /// A session of the key begins.
    fn begin(&mut self, key: &str, origin: Time);
    /// It was read: at its end, or alive at an instant.
    fn read(&mut self, at: Time, closed: bool);
}

impl Watcher for () {
    fn new(_: &Arc<Plan>) -> Self {}
    fn begin(&mut self, _: &str, _: Time) {}
    fn read(&mut self, _: Time, _: bool) {}
}

impl SessionOutput {
    /// What an evaluation tells.
    #[inline]
    pub(super) fn evaluation<'a, O: Observer>(&'a mut self, observer: &'a mut O) -> EvaluationOutput<'a, O> {
        let (windows, matches) = (Some(&mut self.windows), Some(&mut self.matches));
        EvaluationOutput { alerts: &mut self.spans, windows, matches, observer }
    }

    /// Gives what was told to its session. Windows for which `is_final` says no are not over.
    #[inline]
    pub(super) fn name(&mut self, plan: &Plan, key: &CompactString, row: &Row<'_>, is_final: impl Fn(&Window) -> bool) {
        if !(self.spans.is_empty() && self.windows.is_empty() && self.matches.is_empty()) {
            self.name_all(plan, key, row, is_final);
        }
    }

    #[inline(never)]
    fn name_all(&mut self, plan: &Plan, key: &CompactString, row: &Row<'_>, is_final: impl Fn(&Window) -> bool) {
        self.name_alerts(plan, key);
        for window in self.windows.drain(..) {
            let end = is_final(&window).then_some(window.end);
            let provisional = end.is_some_and(|end| self.certain.is_some_and(|certain| end > certain));
            let row = SessionSnapshot { provisional, ..SessionSnapshot::of_window(plan, key, row, window, end) };
            match (&mut self.folded, end) {
                (_, None) => self.open.push(row),
                (None, Some(_)) => self.closed.push(row),
                (Some(folded), Some(_)) => folded.add(plan, &row),
            }
        }
    }

    fn name_alerts(&mut self, plan: &Plan, key: &CompactString) {
        if !self.matches.is_empty() {
            let counted = self.counted.get_or_insert_with(|| MetricTotals::new(plan));
            self.matches.drain(..).for_each(|event| counted.count(plan, event));
        }
        if !self.spans.is_empty() {
            let rows = self.spans.drain(..);
            self.alerts.extend(rows.map(|AlertSpan { alert, start, end, with }| AlertRow {
                key: key.clone(),
                alert,
                start,
                end: Some(end),
                with,
            }));
        }
    }
}
