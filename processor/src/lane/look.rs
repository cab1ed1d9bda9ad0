//! Looking at the alerts of sessions, for whoever is told of them while the sessions go on.
//!
//! An answer reads sessions at the horizon, with events that wait, and may be another one a moment later. A look reads
//! them at the *frontier*, before which nothing can happen any more.
//!
//! **Invariant:** what a look says is final: no event that may still come changes it, and every later look, and the lane
//! when it comes that far, say the same.

use super::Lane;
use super::session::{self, AlertRow, Outcome, Watcher};
use super::slab::{Life, Slot};
use timeline_core::Time;
use timeline_core::incremental::Row;

/// The alerts of live sessions, as they are just before an instant.
#[derive(Debug, Default)]
pub struct Look {
    /// Spans that ended by timers which the lane has not come to yet.
    pub ended: Vec<AlertRow>,
    /// Alerts that are on.
    pub open: Vec<AlertRow>,
}

impl<W: Watcher> Lane<W> {
    /// The instant before which all is final, where the clock of the lanes stands at `clock`. All lanes have the same one.
    pub fn frontier(&self, clock: Time) -> Time {
        self.held.as_ref().map_or(clock, |held| held.floor(clock))
    }

    /// Looks at the alerts of all live sessions just before the frontier, on copies: the lane does not change.
    pub fn look_at_alerts(&mut self, frontier: Time) -> Look {
        let mut look = Look::default();
        let mut outcome = Outcome::default();
        let mut words = vec![];
        let slots: Vec<Slot> = self.slab.occupied().collect();
        for slot in slots {
            let (mut heap, mut life) = self.slab.copy(slot, &mut words);
            if life != Life::Live {
                continue;
            }
            let mut row = Row { words: &mut words, heap: &mut heap };
            let key = self.slab.key(slot);
            let session = (&mut row, &mut life);
            let open = session::alerts_before(&mut self.evaluator, &self.rules, key, session, frontier, &mut outcome);
            look.open.extend(open);
            look.ended.append(&mut outcome.alerts);
            outcome.closed.clear();
        }
        look
    }
}
