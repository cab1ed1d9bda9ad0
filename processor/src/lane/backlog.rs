//! What a lane has taken and not yet let happen: events whose turn comes, in their order, and time that is yet to pass.
//!
//! One event may bring ten thousand timers, and one watermark may end a million sessions. Whoever asks a lane for
//! something is not to wait for that: a lane works for a *slice* of time, and what is left then stands here until it goes
//! on ([`super::Lane::go_on`]). Between two slices it can be asked anything: an image holds what stands here beside the
//! sessions, and an answer lets it happen on copies, as it does with events that wait.
//!
//! **Invariant:** where a slice ends decides nothing: every event was judged (late, a duplicate) when it was taken, and
//! they happen in the same order, each as if the lane had never stopped.

use super::reorder_buffer::{BufferedEvent, TimeBucket};
use super::session::{TimerBudget, UnfinishedStep};
use super::slab::Slot;
use event_feeder::world::Instant;
use std::time::Duration;
use timeline_core::Time;
use timeline_core::incremental::{EndCopy, PackedEvent};

/// Evaluations between two looks at the clock.
pub(super) const UNITS: u64 = 64;

/// Timers of one session between two looks at the clock.
const TIMERS: u64 = 1024;

/// How long a lane works before it looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YieldAfter {
    /// It never does: nobody asks.
    Never,
    /// After so long, or a little longer.
    After(Duration),
    /// After so many evaluations, which are counted; at least one.
    Steps(u64),
}

/// The stretch of work between two looks up.
#[derive(Debug)]
pub(super) struct WorkSlice {
    pub(super) yield_after: YieldAfter,
    began: Instant,
    /// What had been done when it began, and when the clock was last looked at.
    first: u64,
    looked: u64,
    over: bool,
}

impl WorkSlice {
    pub(super) fn new(yield_after: YieldAfter) -> Self {
        WorkSlice { yield_after, began: Instant::now(), first: 0, looked: 0, over: false }
    }

    /// A new one begins.
    pub(super) fn begin(&mut self, done: u64) {
        (self.first, self.looked, self.over) = (done, done, false);
        if let YieldAfter::After(_) = self.yield_after {
            self.began = Instant::now();
        }
    }

    /// Through how many timers a session may go before it is to be asked again whether the slice is over.
    pub(super) fn timers(&self) -> u64 {
        match self.yield_after {
            YieldAfter::Never => u64::MAX,
            YieldAfter::After(_) => TIMERS,
            YieldAfter::Steps(steps) => steps.max(1),
        }
    }

    /// Whether it is over, where so much has been done.
    #[inline]
    pub(super) fn is_over(&mut self, done: u64) -> bool {
        match self.yield_after {
            YieldAfter::Never => false,
            YieldAfter::Steps(steps) => done - self.first >= steps,
            YieldAfter::After(length) => {
                if done - self.looked >= UNITS {
                    self.looked = done;
                    self.over = self.began.elapsed() >= length;
                }
                self.over
            }
        }
    }
}

/// Events whose turn comes, and time that is yet to pass.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    events: TimeBucket,
    /// How many of them have happened.
    done: usize,
    /// The clock up to which what is over is to be ended, once the events have happened.
    pub(super) clock: Option<Time>,
    /// Sessions that are on the way between two of their timers: of the first event, and of what is over.
    pub(super) doing: Vec<(Slot, UnfinishedStep)>,
    /// How far ahead of such sessions it was looked for an end that is made of timelines. It is no part of an image: what was
    /// found so far is found again.
    ahead: Vec<(Slot, EndCopy)>,
}

impl Backlog {
    /// Whether nothing is left to do: no event waits, and no time is yet to pass.
    pub(super) fn is_done(&self) -> bool {
        self.waiting() == 0 && self.clock.is_none()
    }

    /// How many events.
    pub(super) fn waiting(&self) -> usize {
        self.events.events.len() - self.done
    }

    /// The events in the order of their turns, and their words.
    pub(super) fn events(&self) -> (&TimeBucket, &[BufferedEvent]) {
        (&self.events, &self.events.events[self.done..])
    }

    /// Adds an event behind all others; `words` has one for each column that is present and not null.
    pub(super) fn push(&mut self, event: BufferedEvent, words: impl Iterator<Item = u64>) {
        self.events.push(event, words);
    }

    /// Adds events of a bucket.
    pub(super) fn extend(&mut self, bucket: &TimeBucket, events: &[BufferedEvent]) {
        events.iter().for_each(|event| self.events.push(*event, bucket.words(event).iter().copied()));
    }

    /// The next event, with the words of its columns spread out in `dense`.
    pub(super) fn first<'a>(&self, dense: &'a mut [u64]) -> Option<(BufferedEvent, PackedEvent<'a>)> {
        let event = self.events.events.get(self.done)?;
        Some((*event, self.events.unpack(event, dense)))
    }

    /// The next event has happened.
    pub(super) fn pop(&mut self) {
        self.done += 1;
        if self.waiting() == 0 {
            // Memory that one long event took is not kept for ever.
            self.events = TimeBucket::default();
            self.done = 0;
        }
    }

    /// How a session goes on, through so many timers at most; it is noted to be at nothing any more.
    #[inline]
    pub(super) fn take_pace(&mut self, slot: Slot, most: u64) -> TimerBudget {
        let mut pace = TimerBudget::new(None, most);
        if !self.is_idle() {
            let at = self.doing.iter().position(|(own, _)| *own == slot);
            pace.doing = at.map(|at| self.doing.swap_remove(at).1);
            let at = self.ahead.iter().position(|(own, _)| *own == slot);
            pace.ahead = at.map(|at| self.ahead.swap_remove(at).1);
        }
        pace
    }

    /// A session is on the way between two of its timers.
    pub(super) fn put_pace(&mut self, slot: Slot, TimerBudget { doing, ahead, .. }: TimerBudget) {
        self.doing.extend(doing.map(|doing| (slot, doing)));
        self.ahead.extend(ahead.map(|ahead| (slot, ahead)));
    }

    /// Whether no session is on the way between two of its timers.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.doing.is_empty() && self.ahead.is_empty()
    }

    /// What a session is at.
    pub(super) fn doing(&self, slot: Slot) -> Option<UnfinishedStep> {
        self.doing.iter().find(|(own, _)| *own == slot).map(|(_, doing)| *doing)
    }

    /// Time is to pass up to a clock.
    pub(super) fn owe(&mut self, clock: Time) {
        self.clock = self.clock.max(Some(clock));
    }

    /// All words of texts among the columns in `texts`.
    pub(super) fn for_each_text(&mut self, texts: u64, f: impl FnMut(&mut u64)) {
        // Copies of rows are not gone through, and made again.
        self.ahead.clear();
        self.events.for_each_text(texts, f);
    }
}
