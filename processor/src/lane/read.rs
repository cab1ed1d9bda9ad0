//! Sessions as they are at an instant that the watermark has not reached: read on copies, the lane does not change.

use super::held::{Bucket, Held, HeldEvent};
use super::session::{self, Failed, Outcome, Pace, Session, Step, Watcher};
use super::slab::Slot;
use super::{Lane, Late, LateReason};
use event_feeder::world::Instant;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use timeline_core::Time;
use timeline_core::incremental::Row;

/// Sessions between two looks at the clock.
const READ_AT_ONCE: usize = 64;

impl<W: Watcher> Lane<W> {
    /// Reads every session as it is at the horizon, on copies: the lane does not change. Of each that is alive its windows that
    /// are not over are told, and then itself.
    ///
    /// Sessions that are over by then go to the outcome's `closed`, alerts that end by then to its `alerts`, and events that
    /// come after the end of their session to its `stragglers`, and what waiting ones make fail to its `failed`.
    pub fn read(&mut self, horizon: Time, outcome: &mut Outcome, mut live: impl FnMut(Session)) {
        let slots: Vec<Slot> = self.slab.occupied().collect();
        self.read_slots(slots, horizon, outcome, &mut live);
    }

    /// All sessions that there are, for [`Lane::read_some`].
    pub fn to_read(&self) -> VecDeque<Slot> {
        self.slab.occupied().collect()
    }

    /// Like [`Lane::read`], for the first of `slots`, which are taken from it: as many as can be read in a while, or a little
    /// longer. The lane is not to change before all are read.
    pub fn read_some(
        &mut self,
        slots: &mut VecDeque<Slot>,
        horizon: Time,
        outcome: &mut Outcome,
        mut live: impl FnMut(Session),
        length: Duration,
    ) {
        let began = Instant::now();
        // Events that wait are looked through each time.
        let count = READ_AT_ONCE.max(self.held() as usize / 8);
        while !slots.is_empty() && began.elapsed() < length {
            let first = slots.drain(..count.min(slots.len())).collect();
            self.read_slots(first, horizon, outcome, &mut live);
        }
    }

    /// Like [`Lane::read`], for one key.
    pub fn read_key(
        &mut self,
        hash: u64,
        key: &str,
        horizon: Time,
        outcome: &mut Outcome,
        mut live: impl FnMut(Session),
    ) {
        let slots = self.slab.find(hash, key.as_bytes()).into_iter().collect();
        self.read_slots(slots, horizon, outcome, &mut live);
    }

    fn read_slots(&mut self, slots: Vec<Slot>, horizon: Time, outcome: &mut Outcome, live: &mut dyn FnMut(Session)) {
        let mut waiting: BTreeMap<Slot, Vec<(&Bucket, &HeldEvent)>> = BTreeMap::new();
        let held = self.held.iter().flat_map(Held::buckets).map(|bucket| (bucket, &bucket.events[..]));
        // Whose turn it is comes before all that waits.
        for (bucket, events) in std::iter::once(self.backlog.events()).chain(held) {
            for event in events.iter().filter(|event| slots.len() > 1 || slots.contains(&event.slot)) {
                waiting.entry(event.slot).or_default().push((bucket, event));
            }
        }
        let (mut words, mut dense) = (vec![], vec![0; self.words.len()]);
        for slot in slots {
            while self.watchers.len() <= slot as usize {
                self.watchers.push(W::new(self.evaluator.plan()));
            }
            let watcher = &mut self.watchers[slot as usize];
            let (evaluator, rules, key) = (&mut self.evaluator, &self.rules, self.slab.key(slot));
            let unseen = self.unseen;
            let (mut heap, mut life) = self.slab.copy(slot, &mut words);
            let mut row = Row { words: &mut words, heap: &mut heap };
            let mut events = waiting.remove(&slot).unwrap_or_default();
            events.sort_by_key(|(_, event)| event.sort_key());
            let mut pace = Pace::whole(self.backlog.doing(slot));
            for (bucket, held) in events.into_iter().filter(|(_, event)| event.time <= horizon) {
                let event = bucket.unpack(held, &mut dense);
                let (told, session) = ((&mut *outcome, &mut *watcher), (&mut row, &mut life));
                let step = session::step(evaluator, (rules, unseen), key, session, &event, told, &mut pace);
                if step == Step::Beside {
                    let (key, reason) = (key.clone(), LateReason::SessionClosed);
                    let (time, position) = (held.time, held.position);
                    outcome.stragglers.push(Late { key, time, position, reason, repaired: false });
                }
                let failed = |failure| Failed { key: key.clone(), position: held.position, failure };
                outcome.failed.extend(evaluator.take_failures().into_iter().map(failed));
            }
            let session = (&mut row, &mut life);
            let at = (horizon, pace.doing);
            session::read_at(evaluator, rules, key, session, at, (outcome, watcher), live);
        }
    }
}
