//! Looking at the alerts of sessions, for whoever is told of them while the sessions go on.
//!
//! An answer reads sessions at the horizon, with events that wait, and may be another one a moment later. A look reads
//! them at the *frontier*, before which nothing can happen any more.
//!
//! **Invariant:** what a look says is final: no event that may still come changes it, and every later look, and the lane
//! when it comes that far, say the same.

use super::Lane;
use super::backlog::{WorkSlice, YieldAfter};
use super::read::SessionCopy;
use super::session::{SessionOutput, SessionWork, TimerBudget, Watcher};
use super::slab::{Slot, SlotContent};
use crate::records::LiveAlerts;
use std::collections::VecDeque;
use timeline_core::Time;
use timeline_core::incremental::Row;

/// Sessions that are being looked at. The lane is not to change before all are.
#[derive(Debug)]
pub struct AlertScan {
    slots: VecDeque<Slot>,
    /// The one that is on the way.
    now: Option<SessionCopy>,
    outcome: SessionOutput,
    /// The memory of a copy.
    spare: Vec<u64>,
}

impl<W: Watcher> Lane<W> {
    /// The instant before which all is final, where the clock of the lanes stands at `clock`. All lanes have the same one.
    pub fn frontier(&self, clock: Time) -> Time {
        self.held.as_ref().map_or(clock, |held| held.floor(clock))
    }

    /// All sessions, for [`Lane::look_at_some`].
    pub fn to_scan_alerts(&self) -> AlertScan {
        AlertScan { slots: self.slab.occupied().collect(), now: None, outcome: SessionOutput::default(), spare: vec![] }
    }

    /// Looks at the alerts of all live sessions just before the frontier, on copies: the lane does not change. It does so until
    /// the lane is to look up; whether all were looked at.
    pub fn scan_alerts(
        &mut self,
        looking: &mut AlertScan,
        frontier: Time,
        look: &mut LiveAlerts,
        yield_after: YieldAfter,
    ) -> bool {
        let (mut stretch, mut looks) = (WorkSlice::new(yield_after), 0);
        stretch.begin(self.evaluator.passes());
        loop {
            let AlertScan { slots, now, outcome, spare } = looking;
            let next = || slots.pop_front().map(|slot| self.copy(slot, std::mem::take(spare)));
            let Some(mut copied) = now.take().or_else(next) else { return true };
            match self.look_at_copy(&mut copied, frontier, (outcome, look), stretch.timers()) {
                true => *spare = copied.words,
                false => *now = Some(copied),
            }
            looks += 1;
            if stretch.is_over(self.evaluator.passes() + looks) {
                return looking.now.is_none() && looking.slots.is_empty();
            }
        }
    }

    /// Looks at a copy; false if there are more timers to go through than may be now.
    fn look_at_copy(
        &mut self,
        copied: &mut SessionCopy,
        frontier: Time,
        (outcome, look): (&mut SessionOutput, &mut LiveAlerts),
        most: u64,
    ) -> bool {
        let SessionCopy { slot, words, heap, life, pace, .. } = copied;
        if *life != SlotContent::Live {
            return true;
        }
        let key = self.slab.key(*slot);
        let mut work = SessionWork {
            evaluator: &mut self.evaluator,
            rules: &self.rules,
            key,
            row: Row { words, heap },
            life,
            outcome,
            watcher: &mut (),
            pace: TimerBudget { most, ..std::mem::replace(pace, TimerBudget::new(None, most)) },
        };
        let open = work.alerts_before(frontier);
        *pace = work.pace;
        let is_done = open.is_some();
        look.open.extend(open.into_iter().flatten());
        look.ended.append(&mut outcome.alerts);
        outcome.closed.clear();
        is_done
    }
}
