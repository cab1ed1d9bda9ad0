//! How sessions end, and when to look whether they have.

use super::unfinished::{EndReason, TimerBudget};
use timeline_core::Time;
use timeline_core::incremental::{Evaluator, Row, RowLayout};
use timeline_core::plan::{EndRule, Op, Plan};

/// How time passes for sessions.
#[derive(Clone, Copy, Debug)]
pub(in crate::lane) struct SessionRules {
    pub silence: Option<Time>,
    pub billed: bool,
    pub max_age: Option<Time>,
    pub linger: Time,
    /// Whether the end event is made of timelines, so that it may come without an event.
    pub derived_end: bool,
    /// Whether windows of the clock are over as soon as time has come so far.
    pub windows_by_clock: bool,
    /// Whether something is told of a session up to where silence ends it.
    pub(super) tells_to_the_end: bool,
    /// The word of a row that says when its last event was, if the row may be further.
    last: Option<usize>,
}

impl SessionRules {
    pub(in crate::lane) fn of(plan: &Plan, layout: &RowLayout) -> Self {
        let EndRule { silence, billed, max_age, linger, .. } = plan.end;
        let derived_end = plan.end.when.is_some_and(|when| !matches!(plan.node(when).op, Op::Event(_)));
        let (windows_by_clock, last) = (plan.windows_end_by_clock(), layout.last_event());
        let tells_to_the_end =
            !plan.alerts.is_empty() || plan.metrics.iter().any(|metric| plan.is_of_events(metric.root));
        SessionRules { silence, billed, max_age, linger, derived_end, windows_by_clock, tells_to_the_end, last }
    }

    /// When silence ends a session that has no further event.
    #[inline]
    fn silent(&self, row: &Row<'_>) -> Option<Time> {
        let last = self.last.map_or(row.now(), |at| row.words[at] as Time);
        self.silence.map(|d| last.saturating_add(d))
    }

    /// When to look at a session after an event: then it may be over, whatever else comes.
    pub(in crate::lane) fn next_look(&self, row: &Row<'_>) -> Option<Time> {
        if row.is_ending() || self.derived_end { Some(row.now()) } else { self.limit(row) }
    }

    /// When to look again at a session that is not over yet, and next changes by itself at `change`.
    pub(in crate::lane) fn look_again(&self, row: &Row<'_>, change: Option<Time>) -> Option<Time> {
        [change.filter(|at| *at < Time::MAX), self.limit(row)].into_iter().flatten().min()
    }

    /// When a session ends that has no further event, and no end event.
    fn limit(&self, row: &Row<'_>) -> Option<Time> {
        let silence = self.silent(row);
        let max_age = self.max_age.map(|a| row.origin().saturating_add(a));
        match (silence, max_age) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Whether it may be over where all before an instant is over: no is certain, and what most events find.
    #[inline]
    pub(in crate::lane) fn may_be_due(&self, row: &Row<'_>, before: Time) -> bool {
        let is_old = self.max_age.is_some_and(|age| row.origin().saturating_add(age) < before);
        let is_silent = self.silent(row).is_some_and(|at| at < before);
        self.derived_end | row.is_ending() | is_old | is_silent
    }

    /// How a session ended, where all instants before `instants` and all silences that end before `silences` are over; `None`
    /// if there are more timers to go through than may be now before that is known.
    pub(super) fn due(
        &self,
        evaluator: &mut Evaluator,
        row: &Row<'_>,
        (instants, silences): (Time, Time),
        pace: &mut TimerBudget,
    ) -> Option<Option<(Time, EndReason)>> {
        let end = if self.derived_end {
            let until = self.limit(row).map_or(instants.saturating_sub(1), |at| at.min(instants.saturating_sub(1)));
            let found = evaluator.end_by(row, until, &mut pace.ahead, pace.most)?;
            pace.change = found.err();
            found.ok().map(|at| (at, EndReason::EndEvent))
        } else {
            (row.is_ending() && row.now() < instants).then_some((row.now(), EndReason::EndEvent))
        };
        let age = self.max_age.map(|a| row.origin().saturating_add(a)).filter(|at| *at < instants);
        let silence = self.silent(row).filter(|at| *at < silences);
        let all = [end, age.map(|at| (at, EndReason::MaxAge)), silence.map(|at| (at, EndReason::Silence))];
        // The first of equals wins, which is their precedence.
        Some(all.into_iter().flatten().min_by_key(|(at, _)| *at))
    }
}
