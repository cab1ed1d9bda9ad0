//! Sessions as they are at an instant that the watermark has not reached: read on copies, the lane does not change.
//!
//! A lane may have a million sessions, and one of them may have a hundred thousand windows to be told. So a [`SessionScan`] goes
//! on where it was when the lane looked up, in the midst of a session if need be.

use super::Lane;
use super::backlog::{Backlog, WorkSlice, YieldAfter};
use super::reorder_buffer::{BufferedEvent, ReorderBuffer, TimeBucket};
use super::session::{SessionOutput, SessionSink, SessionWork, StepResult, TimerBudget, Watcher};
use super::slab::{Slot, SlotContent};
use crate::records::{FailedOperator, LateEvent, LateReason, SessionSnapshot};
use std::collections::VecDeque;
use timeline_core::Time;
use timeline_core::incremental::{Heap, Row};

/// Sessions that are looked for among the events that wait.
const FEW: usize = 16;

/// Sessions of a lane that are being read. The lane is not to change before all are.
#[derive(Debug)]
pub struct SessionScan {
    slots: VecDeque<Slot>,
    waiting: Waiting,
    /// The one that is on the way.
    now: Option<SessionCopy>,
    /// The memory of a copy.
    spare: Vec<u64>,
}

/// Where the events are that wait, by their slots, in the order in which they came.
#[derive(Debug)]
enum Waiting {
    /// Those of a few slots.
    Few(Vec<(Slot, BufferedAt)>),
    /// Those of all.
    All {
        /// Of each slot where its own end; they begin where those of the slot before end.
        ends: Vec<usize>,
        places: Vec<BufferedAt>,
    },
}

/// Where an event is that waits: in the backlog if in no bucket.
#[derive(Clone, Copy, Debug)]
struct BufferedAt {
    bucket: Option<Time>,
    at: usize,
}

/// A copy of a session.
#[derive(Debug)]
pub(super) struct SessionCopy {
    pub(super) slot: Slot,
    pub(super) words: Vec<u64>,
    pub(super) heap: Heap,
    pub(super) life: SlotContent,
    pub(super) pace: TimerBudget,
    /// The events that wait for it.
    waiting: VecDeque<BufferedAt>,
}

impl<W: Watcher> Lane<W> {
    /// Reads every session as it is at the horizon, on copies: the lane does not change. Of each that is alive its windows that
    /// are not over are told, and then itself.
    ///
    /// Sessions that are over by then go to the outcome's `closed`, alerts that end by then to its `alerts`, and events that
    /// come after the end of their session to its `stragglers`, and what waiting ones make fail to its `failed`.
    pub fn read(&mut self, horizon: Time, outcome: &mut SessionOutput, mut live: impl FnMut(SessionSnapshot)) {
        self.read_into(horizon, outcome, &mut SessionSink::Rows(&mut live));
    }

    /// Like [`Lane::read`], for what it is read for.
    pub fn read_into(&mut self, horizon: Time, outcome: &mut SessionOutput, live: &mut SessionSink<'_>) {
        let mut reading = self.to_read();
        self.read_some(&mut reading, horizon, outcome, live, YieldAfter::Never);
    }

    /// All sessions that there are, for [`Lane::read_some`].
    pub fn to_read(&self) -> SessionScan {
        self.reading(self.slab.occupied().collect())
    }

    /// The sessions of some keys, with their hashes, for [`Lane::read_some`].
    pub fn to_read_keys(&self, keys: &[(u64, String)]) -> SessionScan {
        self.reading(keys.iter().filter_map(|(hash, key)| self.slab.find(*hash, key.as_bytes())).collect())
    }

    fn reading(&self, slots: VecDeque<Slot>) -> SessionScan {
        let waiting = if slots.len() > FEW {
            Waiting::of_all(move || self.waiting_events())
        } else {
            // Most sessions have none, or one: then not all that waits is gone through.
            let count: usize = slots.iter().map(|slot| self.slab.held(*slot) as usize).sum();
            let own = self.waiting_events().filter(|(slot, _)| slots.contains(slot));
            Waiting::Few(own.take(count).collect())
        };
        SessionScan { slots, waiting, now: None, spare: vec![] }
    }

    /// All events that wait, each with its slot.
    fn waiting_events(&self) -> impl Iterator<Item = (Slot, BufferedAt)> {
        let buckets =
            self.held.iter().flat_map(ReorderBuffer::buckets).map(|(at, bucket)| (Some(at), &bucket.events[..]));
        let all = std::iter::once((None, self.backlog.events().1)).chain(buckets);
        all.flat_map(|(bucket, events)| {
            events.iter().enumerate().map(move |(at, event)| (event.slot, BufferedAt { bucket, at }))
        })
    }

    /// Like [`Lane::read`], until the lane is to look up; whether all is read.
    pub fn read_some(
        &mut self,
        reading: &mut SessionScan,
        horizon: Time,
        outcome: &mut SessionOutput,
        live: &mut SessionSink<'_>,
        yield_after: YieldAfter,
    ) -> bool {
        let (mut stretch, mut looks) = (WorkSlice::new(yield_after), 0);
        stretch.begin(self.evaluator.passes());
        loop {
            let Some(mut copied) = reading.now.take().or_else(|| self.next_of(reading)) else { return true };
            match self.read_copy(&mut copied, horizon, (outcome, &mut *live), stretch.timers()) {
                true => reading.spare = copied.words,
                false => reading.now = Some(copied),
            }
            looks += 1;
            if stretch.is_over(self.evaluator.passes() + looks) {
                return reading.now.is_none() && reading.slots.is_empty();
            }
        }
    }

    fn next_of(&mut self, reading: &mut SessionScan) -> Option<SessionCopy> {
        let slot = reading.pop()?;
        Some(self.copy_with_waiting(reading, slot))
    }

    /// A copy of a session with the events that wait for it.
    pub(super) fn copy_with_waiting(&mut self, reading: &mut SessionScan, slot: Slot) -> SessionCopy {
        self.read_sessions += 1;
        let mut waiting = reading.waiting.of(slot);
        if waiting.len() > 1 {
            waiting.sort_by_key(|place| place.event(&self.held, &self.backlog).1.sort_key());
        }
        SessionCopy { waiting: waiting.into(), ..self.copy(slot, std::mem::take(&mut reading.spare)) }
    }

    /// A copy of a session, to be worked at.
    pub(super) fn copy(&self, slot: Slot, mut words: Vec<u64>) -> SessionCopy {
        let (heap, life) = self.slab.copy(slot, &mut words);
        let pace = TimerBudget::new(self.backlog.doing(slot), u64::MAX);
        SessionCopy { slot, words, heap, life, pace, waiting: VecDeque::new() }
    }

    /// Lets what waits happen to a copy, and reads it; false if there are more timers to go through than may be now.
    pub(super) fn read_copy(
        &mut self,
        copied: &mut SessionCopy,
        horizon: Time,
        (outcome, live): (&mut SessionOutput, &mut SessionSink<'_>),
        most: u64,
    ) -> bool {
        let SessionCopy { slot, words, heap, life, pace, waiting } = copied;
        while self.watchers.len() <= *slot as usize {
            self.watchers.push(W::new(self.evaluator.plan()));
        }
        let columns = self.evaluator.plan().columns.len();
        let mut work = SessionWork {
            evaluator: &mut self.evaluator,
            rules: &self.rules,
            key: self.slab.key(*slot),
            row: Row { words, heap },
            life,
            outcome,
            watcher: &mut self.watchers[*slot as usize],
            pace: TimerBudget { most, ..std::mem::replace(pace, TimerBudget::new(None, most)) },
        };
        let (mut dense, mut is_paused) = (vec![], false);
        while let Some((bucket, held)) = waiting.front().map(|place| place.event(&self.held, &self.backlog)) {
            if held.time > horizon {
                break;
            }
            dense.resize(columns, 0);
            let step = work.step(&bucket.unpack(held, &mut dense), self.unseen);
            is_paused = step == StepResult::Paused;
            if is_paused {
                break;
            }
            if step == StepResult::Beside {
                let (key, reason) = (work.key.clone(), LateReason::SessionClosed);
                let (time, position) = (held.time, held.position);
                work.outcome.stragglers.push(LateEvent { key, time, position, reason, repaired: false });
            }
            let failed = |failure| FailedOperator { key: work.key.clone(), position: held.position, failure };
            work.outcome.failed.extend(work.evaluator.take_failures().into_iter().map(failed));
            waiting.pop_front();
        }
        let is_read = !is_paused && work.read(horizon, live);
        *pace = work.pace;
        is_read
    }
}

impl SessionScan {
    /// Those that are not begun.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.slots.iter().copied()
    }

    /// Takes the next one that is not begun.
    pub(super) fn pop(&mut self) -> Option<Slot> {
        self.slots.pop_front()
    }

    /// Takes the one that is on the way.
    pub(super) fn take_now(&mut self) -> Option<SessionCopy> {
        self.now.take()
    }

    /// Takes the one that is on the way if it is of a slot.
    pub(super) fn take_now_of(&mut self, slot: Slot) -> Option<SessionCopy> {
        self.now.take_if(|now| now.slot == slot)
    }

    /// One is on the way.
    pub(super) fn put_now(&mut self, copied: SessionCopy) {
        self.now = Some(copied);
    }

    /// The memory of a copy that was read.
    pub(super) fn keep_memory(&mut self, copied: SessionCopy) {
        self.spare = copied.words;
    }
}

impl Waiting {
    /// Those that `events` has, which is gone through twice: to tell where those of each slot begin, and to put them there.
    fn of_all<I: Iterator<Item = (Slot, BufferedAt)>>(events: impl Fn() -> I) -> Self {
        let mut ends: Vec<usize> = vec![];
        let mut count = 0;
        for (slot, _) in events() {
            let slot = slot as usize;
            if ends.len() <= slot {
                ends.resize(slot + 1, 0);
            }
            ends[slot] += 1;
            count += 1;
        }
        // Each begins where what is before it ends, and goes on to its own end as it is filled.
        let mut before = 0;
        for end in &mut ends {
            before += std::mem::replace(end, before);
        }
        let mut places = vec![BufferedAt { bucket: None, at: 0 }; count];
        for (slot, place) in events() {
            let end = &mut ends[slot as usize];
            places[*end] = place;
            *end += 1;
        }
        Waiting::All { ends, places }
    }

    /// Those of a slot.
    fn of(&self, slot: Slot) -> Vec<BufferedAt> {
        match self {
            Waiting::Few(all) => all.iter().filter(|(own, _)| *own == slot).map(|(_, place)| *place).collect(),
            Waiting::All { ends, places } => {
                let slot = slot as usize;
                let Some(end) = ends.get(slot) else { return vec![] };
                let begin = if slot == 0 { 0 } else { ends[slot - 1] };
                places[begin..*end].to_vec()
            }
        }
    }
}

impl BufferedAt {
    fn event<'a>(&self, held: &'a Option<ReorderBuffer>, backlog: &'a Backlog) -> (&'a TimeBucket, &'a BufferedEvent) {
        let (bucket, events) = match self.bucket {
            None => backlog.events(),
            Some(at) => {
                let bucket = held.as_ref().and_then(|held| held.bucket(at));
                let bucket = bucket.expect("events that wait are read before they are let go");
                (bucket, &bucket.events[..])
            }
        };
        (bucket, &events[self.at])
    }
}

#[cfg(test)]
mod tests {
    use super::{BufferedAt, Waiting};

    #[test]
    fn what_waits_for_each_slot_is_there_in_the_order_in_which_it_came() {
        let slots = [3, 0, 3, 5, 0, 3];
        let events = || (0..).zip(slots).map(|(at, slot)| (slot, BufferedAt { bucket: None, at }));
        let own = |waiting: &Waiting, slot| waiting.of(slot).iter().map(|place| place.at).collect::<Vec<_>>();
        for waiting in [Waiting::of_all(events), Waiting::Few(events().collect())] {
            let all: Vec<Vec<usize>> = (0..7).map(|slot| own(&waiting, slot)).collect();
            let expected: [Vec<usize>; 7] = [vec![1, 4], vec![], vec![], vec![0, 2, 5], vec![], vec![3], vec![]];
            assert_eq!(all, expected, "{waiting:?}");
        }
        assert!(own(&Waiting::of_all(|| events().take(0)), 0).is_empty());
    }
}
