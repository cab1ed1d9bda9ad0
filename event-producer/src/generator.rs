//! The log, line by line.
//!
//! Every live session, card or device is a *seat* with one next event; the earliest of all is next in the log.
//! A seat whose session is over takes a new one, so about as many sessions are live at any time as were asked for,
//! and memory is a matter of that number only.
//!
//! Late lines are not held-back events but strays: made when they are written, at a time that is certainly behind the
//! watermark there, and known to no ledger. Holding real events back until the watermark has passed them could fail at
//! the end of the log.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use timeline_core::Time;

use crate::reorder::Reorder;
use crate::rng::Rng;
use crate::truth::{TrueRow, Truth, TruthLedger};
use crate::workload::{self, Workload};
use crate::world::ModelWorld;
use crate::{MILLISECOND, ModelEvent};

/// Makes the log of a [`Workload`].
#[derive(Debug)]
pub struct Generator {
    world: ModelWorld,
    rng: Rng,
    // `(milliseconds since the start) << SEAT_BITS | seat`: one word, for the queue is most of the cost of an event.
    next: BinaryHeap<Reverse<u64>>,
    start_ms: u64,
    reorder: Option<Reorder>,
    strays: Strays,
    ledger: TruthLedger,
    /// Lines that may still be made.
    left: u64,
}

/// When a late line is written, and for which seat.
#[derive(Debug)]
struct Strays {
    rng: Rng,
    /// The share of late lines, as a threshold for 64 bits of chance.
    threshold: u64,
    lateness_ms: u64,
    seats: u64,
    /// The largest time written so far.
    seen_ms: Option<u64>,
    count: u64,
}

const SEAT_BITS: u32 = 24;

/// A line is at most so long: room for it is reserved at once.
const LINE_BYTES_MAX: usize = 256;

impl Generator {
    /// Sets the scene.
    pub fn new(workload: &Workload) -> Result<Self, workload::Error> {
        workload.check()?;
        let mut rng = Rng::new(workload.seed, 1);
        let world = ModelWorld::new(workload.model, workload.sessions, &mut rng);
        let next = (0..workload.sessions)
            .map(|seat| Reverse((world.first_ms(&mut rng) << SEAT_BITS) | u64::from(seat)))
            .collect::<Vec<_>>();
        let jitter_ms = workload.jitter.as_millis() as u64;
        Ok(Generator {
            world,
            rng,
            next: BinaryHeap::from(next),
            start_ms: workload.start,
            reorder: (jitter_ms > 0).then(|| Reorder::new(jitter_ms, Rng::new(workload.seed, 2))),
            strays: Strays {
                rng: Rng::new(workload.seed, 3),
                threshold: (workload.late * u64::MAX as f64) as u64,
                lateness_ms: workload.lateness.as_millis() as u64,
                seats: u64::from(workload.sessions),
                seen_ms: None,
                count: 0,
            },
            ledger: TruthLedger::new(workload.model),
            left: workload.events,
        })
    }

    /// Keeps the rows of the ledger for [`Generator::take_rows`]; without this only the totals are kept.
    pub fn keep_rows(&mut self) {
        self.ledger.keep_rows();
    }

    /// Appends up to `max_events` lines and says how many; 0 is the end of the log.
    pub fn fill(&mut self, out: &mut Vec<u8>, max_events: usize) -> usize {
        let mut count = 0;
        while count < max_events {
            let Some(event) = self.next_event() else { break };
            out.reserve(LINE_BYTES_MAX);
            event.write(out);
            count += 1;
        }
        count
    }

    /// The next line of the log as an event.
    pub fn next_event(&mut self) -> Option<ModelEvent> {
        if self.left > 0
            && let Some((seat, time_ms)) = self.strays.next()
        {
            self.left -= 1;
            return Some(ModelEvent { time_ms, body: self.world.stray(seat, &mut self.strays.rng) });
        }
        let event = self.next_in_order()?;
        self.strays.seen_ms = self.strays.seen_ms.max(Some(event.time_ms));
        Some(event)
    }

    /// Makes no new events; those that wait to be written still come.
    pub fn stop(&mut self) {
        self.left = 0;
    }

    /// The rows of the ledger since the last call: what is known of sessions that are over.
    pub fn take_rows(&mut self) -> Vec<TrueRow> {
        self.ledger.take_rows()
    }

    /// What is true of the whole log, once its last line has been written; the generator itself if it has lines left.
    ///
    /// Sessions that are still open are read at the horizon: the largest time of a line that is not late.
    pub fn into_truth(mut self) -> Result<Truth, Box<Generator>> {
        if self.left > 0 || self.reorder.as_ref().is_some_and(|reorder| !reorder.is_empty()) {
            return Err(Box::new(self));
        }
        let horizon = self.strays.seen_ms.map(|ms| ms as Time * MILLISECOND);
        if let Some(horizon) = horizon {
            self.world.finish(horizon, &mut self.ledger);
        }
        Ok(self.ledger.finish(horizon, self.strays.count))
    }

    fn next_in_order(&mut self) -> Option<ModelEvent> {
        loop {
            let Some(reorder) = &mut self.reorder else { return self.make() };
            let now_ms = match self.next.peek() {
                Some(Reverse(key)) if self.left > 0 => self.start_ms + (key >> SEAT_BITS),
                _ => u64::MAX,
            };
            if let Some(event) = reorder.pop(now_ms) {
                return Some(event);
            }
            let event = self.make()?;
            if let Some(reorder) = &mut self.reorder {
                reorder.push(event);
            }
        }
    }

    /// The next event in event time.
    fn make(&mut self) -> Option<ModelEvent> {
        self.left = self.left.checked_sub(1)?;
        let mut top = self.next.peek_mut()?;
        let (offset_ms, seat) = (top.0 >> SEAT_BITS, (top.0 & ((1 << SEAT_BITS) - 1)) as u32);
        let time_ms = self.start_ms + offset_ms;
        let time = time_ms as Time * MILLISECOND;
        let (body, wait_ms) = self.world.step(seat, time, &mut self.rng, &mut self.ledger);
        top.0 = ((offset_ms + wait_ms) << SEAT_BITS) | u64::from(seat);
        drop::<PeekMut<'_, _>>(top);
        self.ledger.accept();
        Some(ModelEvent { time_ms, body })
    }
}

impl Strays {
    /// A seat and a time behind the watermark, if the next line is a late one.
    fn next(&mut self) -> Option<(u32, u64)> {
        let seen_ms = self.seen_ms?;
        if self.threshold == 0 || self.rng.next() >= self.threshold {
            return None;
        }
        self.count += 1;
        let behind_ms = self.lateness_ms + self.rng.between(1, 60_000);
        Some((self.rng.below(self.seats) as u32, seen_ms - behind_ms))
    }
}
