//! The reorder buffer: events that wait until the watermark is beyond them.
//!
//! Events wait in buckets of event time; a bucket is released whole, sorted by time, source, the producer's order and arrival.
//! So an event is pushed once and sorted once, whatever the lateness, and what is released is in order for all sessions.
//!
//! **Invariant:** everything released is before everything that is still held.

use super::slab::Slot;
use event_feeder::Position;
use std::collections::BTreeMap;
use timeline_core::Time;
use timeline_core::incremental::PackedEvent;
use timeline_core::record::Order;

/// An event that waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BufferedEvent {
    pub time: Time,
    pub order: Option<Order>,
    pub slot: Slot,
    /// Where its record begins.
    pub position: Position,
    pub present: u64,
    pub nulls: u64,
    /// Where its words begin in its bucket's: one for each column that is present and not null.
    pub words_at: u32,
}

impl BufferedEvent {
    /// What orders the events of one session: time, then the source, then the producer's order, then the log.
    pub(super) fn sort_key(&self) -> (Time, u8, Option<Order>, Position) {
        (self.time, self.position.source, self.order, self.position)
    }
}

/// Events of one stretch of event time, in the order of their arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct TimeBucket {
    pub events: Vec<BufferedEvent>,
    words: Vec<u64>,
    /// How many of the events are in an image already.
    pub imaged: usize,
}

impl TimeBucket {
    /// Adds an event; `words` has one for each column that is present and not null.
    pub(super) fn push(&mut self, event: BufferedEvent, words: impl Iterator<Item = u64>) {
        let words_at = u32::try_from(self.words.len()).expect("a bucket of the reorder buffer is smaller than 32 GiB");
        self.words.extend(words);
        self.events.push(BufferedEvent { words_at, ..event });
    }

    /// The event, with the words of its columns spread out in `dense`.
    pub(super) fn unpack<'a>(&self, event: &BufferedEvent, dense: &'a mut [u64]) -> PackedEvent<'a> {
        for (column, word) in super::columns(event.present & !event.nulls).zip(self.words(event)) {
            dense[column] = *word;
        }
        PackedEvent { time: event.time, present: event.present, nulls: event.nulls, words: dense }
    }

    /// The words of the event's columns that are present and not null, ascending.
    pub(super) fn words(&self, event: &BufferedEvent) -> &[u64] {
        let count = (event.present & !event.nulls).count_ones() as usize;
        &self.words[event.words_at as usize..][..count]
    }

    /// All words of texts among the columns in `texts`.
    pub(super) fn for_each_text(&mut self, texts: u64, mut f: impl FnMut(&mut u64)) {
        for event in &self.events {
            for (at, column) in (event.words_at as usize..).zip(super::columns(event.present & !event.nulls)) {
                if texts & 1 << column != 0 {
                    f(&mut self.words[at]);
                }
            }
        }
    }
}

/// Events that wait.
#[derive(Debug)]
pub(super) struct ReorderBuffer {
    width: Time,
    buckets: BTreeMap<Time, TimeBucket>,
    /// Buckets before it have been released.
    released: Time,
}

impl ReorderBuffer {
    /// `width`: how much event time a bucket spans, in nanoseconds; positive.
    pub(super) fn new(width: Time) -> Self {
        ReorderBuffer { width, buckets: BTreeMap::new(), released: Time::MIN }
    }

    /// Adds an event; `words` has one for each column that is present and not null.
    pub(super) fn push(&mut self, event: BufferedEvent, words: impl Iterator<Item = u64>) {
        self.buckets.entry(event.time.div_euclid(self.width)).or_default().push(event, words);
    }

    /// The bucket that [`ReorderBuffer::pop`] would give.
    pub(super) fn due(&self, watermark: Time) -> Option<&TimeBucket> {
        let released = self.released.max(watermark.div_euclid(self.width));
        self.buckets.first_key_value().filter(|(at, _)| **at < released).map(|(_, bucket)| bucket)
    }

    /// The first bucket, sorted, if the watermark is beyond all of it.
    pub(super) fn pop(&mut self, watermark: Time) -> Option<TimeBucket> {
        // Events at the watermark itself may still come.
        self.released = self.released.max(watermark.div_euclid(self.width));
        let first = self.buckets.first_entry()?;
        if *first.key() >= self.released {
            return None;
        }
        let mut bucket = first.remove();
        bucket.events.sort_by_key(BufferedEvent::sort_key);
        Some(bucket)
    }

    /// An instant: of the events that ever were held, those before it have been released.
    pub(super) fn released(&self) -> Time {
        self.released.saturating_mul(self.width)
    }

    /// Takes it that events before an instant, as [`ReorderBuffer::released`] gave it, have been released.
    pub(super) fn set_released(&mut self, before: Time) {
        self.released = before.div_euclid(self.width);
    }

    /// An instant: everything before it has been released or never was held, given the watermark. It depends on nothing else.
    pub(super) fn floor(&self, watermark: Time) -> Time {
        watermark.div_euclid(self.width).saturating_mul(self.width)
    }

    /// Everything strictly before it has been released, given the watermark.
    pub(super) fn frontier(&self, watermark: Time) -> Time {
        match self.buckets.keys().next() {
            Some(first) => watermark.min(first.saturating_mul(self.width)),
            None => watermark,
        }
    }

    /// All that is held, by time, with the places of the buckets.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (Time, &TimeBucket)> {
        self.buckets.iter().map(|(at, bucket)| (*at, bucket))
    }

    /// The bucket of a place.
    pub(super) fn bucket(&self, at: Time) -> Option<&TimeBucket> {
        self.buckets.get(&at)
    }

    pub(super) fn buckets_mut(&mut self) -> impl Iterator<Item = &mut TimeBucket> {
        self.buckets.values_mut()
    }

    /// How many events are held.
    pub(super) fn len(&self) -> usize {
        self.buckets.values().map(|bucket| bucket.events.len()).sum()
    }
}
