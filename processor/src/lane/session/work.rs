//! A session at work: an event happens to it, time passes, or it is read on a copy.
//!
//! All of it goes through the session's timers, of which there may be very many. So it goes through so many at a time as its
//! [`TimerBudget`] says, and says that there are more; the same call then goes on where it was.

use super::reading::{open_alerts, reading};
use super::rules::SessionRules;
use super::unfinished::{EndReason, StepResult, TimerBudget, UnfinishedStep};
use super::{SessionOutput, SessionSink, Watcher};
use crate::lane::slab::SlotContent;
use crate::records::{AlertRow, SessionSnapshot};
use compact_str::CompactString;
use timeline_core::Time;
use timeline_core::incremental::{EvaluationOutput, Evaluator, PackedEvent, Row};

/// A session, and all that its work needs.
pub(in crate::lane) struct SessionWork<'a, 'r, W> {
    pub evaluator: &'a mut Evaluator,
    pub rules: &'a SessionRules,
    pub key: &'a CompactString,
    /// It outlives the work.
    pub row: Row<'r>,
    pub life: &'a mut SlotContent,
    pub outcome: &'a mut SessionOutput,
    pub watcher: &'a mut W,
    pub pace: TimerBudget,
}

impl<W: Watcher> SessionWork<'_, '_, W> {
    /// Lets the next event of the key happen, unless it goes with a session that is over. A session that it begins at or
    /// before `unseen` is partial.
    #[inline]
    pub(in crate::lane) fn step(&mut self, event: &PackedEvent<'_>, unseen: Time) -> StepResult {
        let t = event.time;
        if *self.life == SlotContent::Live && t > self.row.now() {
            let Some(doing) = self.decided(t, t) else { return StepResult::Paused };
            if let Some(UnfinishedStep::Close { .. }) = doing {
                if !self.close(doing) {
                    return StepResult::Paused;
                }
            } else if self.pace.most < u64::MAX && !self.goes_on_to(t - 1) {
                self.name();
                return StepResult::Paused;
            }
        }
        if *self.life == SlotContent::Closed && t <= self.row.now().saturating_add(self.rules.linger) {
            return StepResult::Beside;
        }
        if *self.life != SlotContent::Live {
            self.evaluator.begin(&mut self.row, t);
            if t <= unseen {
                self.row.set_partial();
            }
            *self.life = SlotContent::Live;
            self.watcher.begin(self.key, t);
        }
        self.evaluator.event(&mut self.row, event, &mut self.outcome.evaluation(&mut *self.watcher));
        // Those that end by the time of an event are over, whoever decides that.
        self.name();
        StepResult::Done
    }

    /// Tells the windows of a session that goes on which the clock alone ends, as far as they are over where all instants
    /// before `frontier` are: whether there were some, and whether there are no more.
    pub(in crate::lane) fn end_windows(&mut self, frontier: Time) -> (bool, bool) {
        let (before, pending) = (self.row.now(), self.row.pending());
        let evaluation = &mut self.outcome.evaluation(&mut *self.watcher);
        let all = self.evaluator.end_windows_by(&mut self.row, frontier, evaluation, self.pace.most);
        let told = !self.outcome.windows.is_empty();
        self.name();
        (told || self.row.now() > before || self.row.pending() != pending, all)
    }

    /// Ends the session if that is due once everything before `frontier` has happened; false if there is more to do first.
    pub(in crate::lane) fn pass(&mut self, frontier: Time) -> bool {
        let Some(doing) = self.decided(frontier, frontier) else { return false };
        self.close(doing)
    }

    /// Reads a session, through the horizon: it may turn out to be over by then, or be at that. Tells it and its windows that
    /// are not over; false if there is more to do first.
    pub(in crate::lane) fn read(&mut self, horizon: Time, live: &mut SessionSink<'_>) -> bool {
        if *self.life != SlotContent::Live {
            return true;
        }
        let Some(doing) = self.decided(horizon.saturating_add(1), horizon) else { return false };
        if let Some(UnfinishedStep::Close { .. }) = doing {
            return self.close(doing);
        }
        let all = self.goes_on_to(horizon);
        // Where silence is not billed, those behind the last event may yet never have been.
        let is_final = self.rules.windows_by_clock;
        self.outcome.name(self.evaluator.plan(), self.key, &self.row, |_| is_final);
        if !all {
            return false;
        }
        self.watcher.read(horizon, false);
        let plan = self.evaluator.plan();
        self.outcome.open.drain(..).for_each(|window| live.row(plan, window));
        let view = self.evaluator.view(&self.row);
        for window in view.windows_open(false) {
            live.row(plan, SessionSnapshot::of_window(plan, self.key, &self.row, window, None));
        }
        match live {
            SessionSink::Rows(tell) => tell(reading(self.evaluator, self.key, &self.row, None)),
            SessionSink::Totals(fold) => fold.read(plan, &view, self.row.origin(), false),
        }
        true
    }

    /// The alerts of a live session that are on just before the frontier; those that ended by then go to the outcome. Nothing
    /// if there is more to do first.
    pub(in crate::lane) fn alerts_before(&mut self, frontier: Time) -> Option<Vec<AlertRow>> {
        let doing = self.decided(frontier, frontier)?;
        if let Some(UnfinishedStep::Close { .. }) = doing {
            return self.close(doing).then(Vec::new);
        }
        // An instant that is not over says nothing yet.
        if self.row.now() < frontier {
            let evaluation = &mut EvaluationOutput {
                alerts: &mut self.outcome.spans,
                windows: None,
                matches: None,
                observer: &mut (),
            };
            self.evaluator.settle(&mut self.row, evaluation);
            let all = self.evaluator.advance_some(&mut self.row, frontier - 1, evaluation, self.pace.most);
            self.outcome.name_alerts(self.evaluator.plan(), self.key);
            if !all {
                self.pace.doing = Some(UnfinishedStep::Event);
                return None;
            }
        }
        Some(open_alerts(&self.evaluator.view(&self.row), self.evaluator.plan(), self.key))
    }

    /// What the session was at, or is to do where all instants before `instants` and all silences that end before `silences`
    /// are over: nothing, or end. `None` if there is more to do before that is known.
    #[inline]
    fn decided(&mut self, instants: Time, silences: Time) -> Option<Option<UnfinishedStep>> {
        match self.pace.doing.take() {
            None => {
                let due = self.rules.due(self.evaluator, &self.row, (instants, silences), &mut self.pace)?;
                Some(due.map(UnfinishedStep::closing))
            }
            doing => Some(doing),
        }
    }

    /// Goes on to an instant that the session lives to see; false, and it is at that, if there are more timers before.
    fn goes_on_to(&mut self, until: Time) -> bool {
        let evaluation = &mut self.outcome.evaluation(&mut *self.watcher);
        self.evaluator.settle(&mut self.row, evaluation);
        let all = self.evaluator.advance_some(&mut self.row, until, evaluation, self.pace.most);
        self.pace.doing = (!all).then_some(UnfinishedStep::Event);
        all
    }

    /// Gives what was told to the session.
    #[inline]
    fn name(&mut self) {
        self.outcome.name(self.evaluator.plan(), self.key, &self.row, |_| true);
    }

    /// Ends the session, if that is what it is doing; false if it is not through all timers before.
    fn close(&mut self, doing: Option<UnfinishedStep>) -> bool {
        let Some(UnfinishedStep::Close { at, reason, told: mut is_told }) = doing else { return true };
        if !is_told {
            let evaluation = &mut self.outcome.evaluation(&mut *self.watcher);
            self.evaluator.settle(&mut self.row, evaluation);
            // An end event is at an instant that was settled, or comes by a timer.
            let goes_on = reason != EndReason::Silence || self.rules.billed;
            is_told = !goes_on || self.evaluator.advance_some(&mut self.row, at, evaluation, self.pace.most);
            if is_told {
                self.watcher.read(self.row.now(), true);
            }
            self.name();
            if is_told {
                let read = Some(self.row.now());
                let provisional = self.outcome.certain.is_some_and(|certain| at >= certain);
                let (plan, view) = (self.evaluator.plan(), self.evaluator.view(&self.row));
                for window in view.windows_open(true) {
                    let window = SessionSnapshot::of_window(plan, self.key, &self.row, window, read);
                    match &mut self.outcome.folded {
                        None => self.outcome.closed.push(SessionSnapshot { provisional, ..window }),
                        Some(folded) => folded.add(plan, &window),
                    }
                }
                if let Some(folded) = &mut self.outcome.folded {
                    folded.read(plan, &view, self.row.origin(), true);
                } else {
                    let session = reading(self.evaluator, self.key, &self.row, read);
                    self.outcome.closed.push(SessionSnapshot { provisional, ..session });
                }
            }
        }
        // Silence is not billed unless the source says so, but the alerts that it raises are told, and what happens in it.
        let tells_nothing = !self.rules.tells_to_the_end;
        let (alerts, matches) = (&mut self.outcome.spans, Some(&mut self.outcome.matches));
        let evaluation = &mut EvaluationOutput { alerts, windows: None, matches, observer: &mut () };
        let is_over =
            is_told && (tells_nothing || self.evaluator.advance_some(&mut self.row, at, evaluation, self.pace.most));
        if is_over {
            self.evaluator.end_alerts(&mut self.row, &mut self.outcome.spans);
            // What comes next begins a session, unless this one lingers.
            let lingers = reason == EndReason::EndEvent && self.rules.linger > 0;
            *self.life = if lingers { SlotContent::Closed } else { SlotContent::Empty };
        } else {
            self.pace.doing = Some(UnfinishedStep::Close { at, reason, told: is_told });
        }
        self.outcome.name_alerts(self.evaluator.plan(), self.key);
        is_over
    }
}
