//! Disorder of a bounded kind: an event waits up to the jitter before it is written.
//!
//! **Invariant:** events leave in the order of `time + wait`, and later events are never due before earlier ones could be
//! released; so whatever was written before an event is at most the jitter ahead of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ModelEvent;
use crate::rng::Rng;

/// Events that wait to be written.
#[derive(Debug)]
pub(crate) struct Reorder {
    jitter_ms: u64,
    rng: Rng,
    // The key is small and the event is not: the heap moves indices into the slab.
    due: BinaryHeap<Reverse<(u64, u32)>>,
    slab: Vec<ModelEvent>,
    free: Vec<u32>,
}

impl Reorder {
    pub(crate) fn new(jitter_ms: u64, rng: Rng) -> Self {
        Reorder { jitter_ms, rng, due: BinaryHeap::new(), slab: Vec::new(), free: Vec::new() }
    }

    /// Lets an event wait.
    pub(crate) fn push(&mut self, event: ModelEvent) {
        let due_ms = event.time_ms + self.rng.below(self.jitter_ms + 1);
        let place = match self.free.pop() {
            Some(place) => {
                self.slab[place as usize] = event;
                place
            }
            None => {
                self.slab.push(event);
                u32::try_from(self.slab.len() - 1).expect("fewer events wait than memory has room for 2^32 of")
            }
        };
        self.due.push(Reverse((due_ms, place)));
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// The next event that is due at `now_ms`, if one is.
    pub(crate) fn pop(&mut self, now_ms: u64) -> Option<ModelEvent> {
        let &Reverse((due_ms, place)) = self.due.peek()?;
        if due_ms > now_ms {
            return None;
        }
        self.due.pop();
        self.free.push(place);
        Some(self.slab[place as usize])
    }
}
