//! All sessions as they are at one place of the log, read while the lane goes on.
//!
//! A question about a million sessions takes tenths of a second, and events are not to wait for it. So sessions are read
//! piece by piece between events, and one that is about to change is read before it does: copy on write, with the reading in
//! place of a copy. What comes of it is the same as if the lane had stood still.
//!
//! **Invariant:** a slot that is unread holds what it held when the scan began, and so do the events that wait for it.

use super::Lane;
use super::backlog::{WorkSlice, YieldAfter};
use super::read::{SessionCopy, SessionScan};
use super::session::{SessionOutput, SessionSink, Watcher};
use super::slab::{Slot, SlotSet};
use crate::records::SessionSnapshot;
use crate::totals::SessionFold;
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// What a scan came to.
#[derive(Debug)]
pub struct ScannedSessions {
    /// What sessions told that are over at the horizon of the scan, and what else is not committed for good.
    pub outcome: SessionOutput,
    /// Rows of those that are alive; none unless they were asked for.
    pub live: Vec<SessionSnapshot>,
    /// What all of them come to.
    pub fold: SessionFold,
}

impl ScannedSessions {
    /// No sessions.
    pub fn new(plan: &Plan) -> Self {
        ScannedSessions { outcome: SessionOutput::default(), live: vec![], fold: SessionFold::new(plan) }
    }
}

/// Which of a lane's scans it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanNumber(u64);

/// A scan on its way.
#[derive(Debug)]
pub(super) struct ConcurrentScan {
    number: ScanNumber,
    sessions: SessionScan,
    unread: SlotSet,
    horizon: Time,
    wants_rows: bool,
    found: ScannedSessions,
}

impl<W: Watcher> Lane<W> {
    /// Begins to read all sessions as they are now, at a horizon; before `certain` all is as it will be. What was begun before
    /// is given up. Nothing is to be behind.
    pub fn begin_scan(&mut self, wants_rows: bool, horizon: Time, certain: Time) -> ScanNumber {
        assert!(!self.is_behind(), "what waits for its turn is not among what a scan looks at");
        let sessions = self.to_read();
        let mut unread = SlotSet::default();
        sessions.slots().for_each(|slot| unread.insert(slot));
        let mut found = ScannedSessions::new(self.plan());
        found.outcome.certain = Some(certain);
        self.scans += 1;
        let number = ScanNumber(self.scans);
        self.scan = Some(Box::new(ConcurrentScan { number, sessions, unread, horizon, wants_rows, found }));
        number
    }

    /// Goes on with it until the lane is to look up; what it came to, once all is read. Nothing if none was begun.
    pub fn scan_some(&mut self, yield_after: YieldAfter) -> Option<ScannedSessions> {
        let mut scan = self.scan.take()?;
        let (mut stretch, mut looks) = (WorkSlice::new(yield_after), 0);
        stretch.begin(self.evaluator.passes());
        loop {
            let next = match scan.sessions.take_now() {
                None => self.next_unread(&mut scan),
                now => now,
            };
            let Some(mut copied) = next else {
                self.is_read();
                return Some(scan.found);
            };
            match self.read_scanned(&mut scan, &mut copied, stretch.timers()) {
                true => scan.sessions.keep_memory(copied),
                false => scan.sessions.put_now(copied),
            }
            looks += 1;
            if stretch.is_over(self.evaluator.passes() + looks) {
                self.scan = Some(scan);
                return None;
            }
        }
    }

    /// Gives up a scan that is not over.
    pub fn leave_scan(&mut self, number: ScanNumber) {
        if self.scan.take_if(|scan| scan.number == number).is_some() {
            self.is_read();
        }
    }

    /// Whether sessions are being read while the lane goes on: by a scan, or for an image.
    pub(super) fn is_being_read(&self) -> bool {
        self.scan.is_some() || self.image.is_some()
    }

    /// Reads a slot that is about to change.
    #[inline]
    pub(super) fn read_before_change(&mut self, slot: Slot) {
        if self.scan.is_some() {
            self.read_unread(slot);
        }
        if self.image.is_some() {
            self.image_before_change(slot);
        }
    }

    /// Reads the slots of the events that are about to be let go, up to a clock.
    pub(super) fn read_before_release(&mut self, clock: Time) {
        if self.scan.is_none() {
            return;
        }
        let due = self.held.as_ref().and_then(|held| held.due(clock));
        let slots: Vec<Slot> =
            due.map(|bucket| bucket.events.iter().map(|event| event.slot).collect()).unwrap_or_default();
        slots.into_iter().for_each(|slot| self.read_unread(slot));
    }

    #[cold]
    #[inline(never)]
    fn read_unread(&mut self, slot: Slot) {
        let Some(mut scan) = self.scan.take() else { return };
        let now = scan.sessions.take_now_of(slot);
        if now.is_some() || scan.unread.remove(slot) {
            let mut copied = now.unwrap_or_else(|| self.copy_with_waiting(&mut scan.sessions, slot));
            while !self.read_scanned(&mut scan, &mut copied, u64::MAX) {}
            scan.sessions.keep_memory(copied);
        }
        self.scan = Some(scan);
    }

    fn next_unread(&mut self, scan: &mut ConcurrentScan) -> Option<SessionCopy> {
        loop {
            let slot = scan.sessions.pop()?;
            if scan.unread.remove(slot) {
                return Some(self.copy_with_waiting(&mut scan.sessions, slot));
            }
        }
    }

    fn read_scanned(&mut self, scan: &mut ConcurrentScan, copied: &mut SessionCopy, most: u64) -> bool {
        let plan = Arc::clone(self.plan());
        let ScannedSessions { outcome, live, fold } = &mut scan.found;
        if scan.wants_rows {
            let mut tell = |session: SessionSnapshot| {
                fold.add(&plan, &session);
                live.push(session);
            };
            self.read_copy(copied, scan.horizon, (outcome, &mut SessionSink::Rows(&mut tell)), most)
        } else {
            self.read_copy(copied, scan.horizon, (outcome, &mut SessionSink::Totals(fold)), most)
        }
    }

    /// Does what waited for the end of a reading: words of texts are not to mean others before it.
    pub(super) fn is_read(&mut self) {
        if !self.is_being_read() && self.evaluator.dictionary().len() > 2 * self.texts_kept {
            self.collect_texts();
        }
    }
}
