//! How time passes for a lane: what waits happens when its turn comes, what is over ends, windows that the clock ends are told.
//!
//! **Invariant:** each of these goes on where it was when the lane looked up, in an order that nothing else decides.

use super::backlog;
use super::session::{SessionWork, TimerBudget, Watcher};
use super::slab::{Slot, SlotContent};
use super::{Lane, TOLD_MAX};
use timeline_core::Time;

/// What came of looking whether a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndCheck {
    /// It goes on, and next changes by itself at that instant, if that had to be known.
    GoesOn { change: Option<Time> },
    /// It is over.
    Over,
    /// There is more to do first than may be done now.
    Paused,
}

impl<W: Watcher> Lane<W> {
    /// Releases what is before the clock, and ends what is over; see [`crate::watermark::PartitionProgress::clock`].
    pub fn release(&mut self, clock: Time) {
        if self.is_behind() {
            self.backlog.owe(clock);
        } else {
            self.pass_time(clock);
        }
    }

    /// Lets time pass up to a clock, or as far as it comes before it looks up.
    pub(super) fn pass_time(&mut self, clock: Time) {
        if let Some(duplicates) = &mut self.duplicates {
            duplicates.forget(clock);
        }
        loop {
            self.read_before_release(clock);
            let Some(bucket) = self.held.as_mut().and_then(|held| held.pop(clock)) else { break };
            let mut words = std::mem::take(&mut self.words);
            for (i, event) in bucket.events.iter().enumerate() {
                if self.is_over() || !self.step(event.slot, &bucket.unpack(event, &mut words), || event.position) {
                    self.backlog.extend(&bucket, &bucket.events[i..]);
                    break;
                }
                self.slab.meta(event.slot).held -= 1;
            }
            self.words = words;
            if self.is_behind() {
                self.backlog.owe(clock);
                return;
            }
        }
        let frontier = self.held.as_ref().map_or(clock, |held| held.frontier(clock));
        while let Some((turn, mut slots)) = self.wheel.pop(frontier) {
            // Ends by events asked for looks of their own; from here on one goes on.
            slots.sort_unstable();
            slots.dedup();
            for (i, slot) in slots.iter().enumerate() {
                if self.is_over() || !self.look(*slot, frontier) {
                    self.wheel.put_back(turn, &slots[i..]);
                    self.backlog.owe(clock);
                    return;
                }
            }
        }
        while self.rules.windows_by_clock && frontier >= self.next_window {
            if !self.end_windows(frontier) {
                self.backlog.owe(clock);
                return;
            }
        }
        if self.evaluator.dictionary().len() > 2 * self.texts_kept && !self.is_being_read() {
            self.collect_texts();
        }
    }

    /// Tells the windows of all sessions that the clock has passed: they end at the same instants. False if there is more to
    /// do than may be done now.
    fn end_windows(&mut self, frontier: Time) -> bool {
        // It goes on where it looked up, for the instant that it began with.
        let (until, from) = self.windows_from.take().unwrap_or((frontier, 0));
        let slots: Vec<Slot> = self.slab.occupied().filter(|slot| *slot >= from).collect();
        for slot in slots {
            if self.is_over() || !self.end_windows_of(slot, until) {
                self.windows_from = Some((until, slot));
                return false;
            }
        }
        self.next_window = self.evaluator.next_window(until).unwrap_or(Time::MAX);
        true
    }

    fn end_windows_of(&mut self, slot: Slot, until: Time) -> bool {
        if self.slab.meta(slot).life != SlotContent::Live {
            return true;
        }
        self.read_before_change(slot);
        match self.end_if_due(slot, until) {
            EndCheck::Paused => return false,
            EndCheck::Over => return true,
            EndCheck::GoesOn { .. } => {}
        }
        let (key, row, meta) = self.slab.parts(slot);
        let mut work = SessionWork {
            evaluator: &mut self.evaluator,
            rules: &self.rules,
            key,
            row,
            life: &mut meta.life,
            outcome: &mut self.outcome,
            watcher: &mut self.watchers[slot as usize],
            pace: TimerBudget::new(None, self.slice.timers()),
        };
        loop {
            let (changed, all) = work.end_windows(until);
            if changed && !meta.dirty {
                meta.dirty = true;
                self.dirty.push(slot);
            }
            // Each is a row to be told.
            self.steps += u64::from(changed);
            let is_full = work.outcome.closed.len() >= TOLD_MAX;
            if all || is_full || self.slice.is_over(work.evaluator.passes() + self.steps) {
                return all;
            }
        }
    }

    /// Ends a live session if that is due. One that does not go on and lingers is looked at again.
    fn end_if_due(&mut self, slot: Slot, frontier: Time) -> EndCheck {
        self.steps += 1;
        self.read_before_change(slot);
        // A session out of an image has none before its next event.
        while self.watchers.len() <= slot as usize {
            self.watchers.push(W::new(self.evaluator.plan()));
        }
        let (key, row, meta) = self.slab.parts(slot);
        let was = meta.life;
        let mut work = SessionWork {
            evaluator: &mut self.evaluator,
            rules: &self.rules,
            key,
            row,
            life: &mut meta.life,
            outcome: &mut self.outcome,
            watcher: &mut self.watchers[slot as usize],
            pace: self.backlog.take_pace(slot, self.slice.timers()),
        };
        let is_done = loop {
            let is_done = work.pass(frontier);
            if is_done || self.slice.is_over(work.evaluator.passes() + self.steps) {
                break is_done;
            }
        };
        let SessionWork { row, pace, .. } = work;
        self.lives.change(was, meta.life);
        if is_done && meta.life == SlotContent::Live {
            return EndCheck::GoesOn { change: pace.change };
        }
        self.steps += backlog::UNITS;
        if !meta.dirty {
            meta.dirty = true;
            self.dirty.push(slot);
        }
        if !is_done {
            self.backlog.put_pace(slot, pace);
            return EndCheck::Paused;
        }
        match meta.life {
            SlotContent::Live => {}
            SlotContent::Closed => self.wheel.push(row.now().saturating_add(self.rules.linger), slot),
            SlotContent::Empty => self.forget_slot(slot),
        }
        EndCheck::Over
    }

    /// Ends a session if that is due, forgets one that lingers no longer, or looks again later; false if there is more to do
    /// first than may be done now.
    fn look(&mut self, slot: Slot, frontier: Time) -> bool {
        if self.slab.meta(slot).life == SlotContent::Live {
            let passed = self.end_if_due(slot, frontier);
            if let EndCheck::GoesOn { change } = passed
                && let Some(at) = self.rules.look_again(&self.slab.row(slot), change)
            {
                self.wheel.push(at, slot);
            }
            return passed != EndCheck::Paused;
        }
        self.steps += 1;
        let (_, row, meta) = self.slab.parts(slot);
        if meta.life == SlotContent::Closed {
            let lingers = row.now().saturating_add(self.rules.linger);
            if lingers >= frontier {
                self.wheel.push(lingers, slot);
            } else {
                self.forget_slot(slot);
            }
        }
        true
    }

    /// Forgets the session of a slot, and its key unless events of it wait.
    fn forget_slot(&mut self, slot: Slot) {
        self.read_before_change(slot);
        self.removed.push(self.slab.key(slot).clone());
        let meta = self.slab.meta(slot);
        self.lives.change(meta.life, SlotContent::Empty);
        meta.life = SlotContent::Empty;
        if meta.held == 0 {
            self.slab.remove(slot);
        }
    }
}
