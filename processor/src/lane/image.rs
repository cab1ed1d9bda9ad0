//! A lane's state as an Arrow batch; the way back is in `restoring`.
//!
//! A segment is one table of rows of four sorts, in this order: *texts* (what text words of the rows refer to, by number),
//! *removed* keys, *sessions* (alive or remembered), *held* events in the order of their arrival, the instant before which
//! held events have been *released*, what is *seen* already, for duplicates, and events that were taken and have not
//! happened yet, in the order of their turns: *ahead*; and what sessions on the way between two timers are *doing*.
//! All sorts share the columns `sort`, `key`, `words` and `heap`; see `docs/formats.md`.
//!
//! A *full* image holds every session; another one only those that changed since the image before. An image of a *base*
//! holds every held and seen event; another one those that came since the image before. Images of one partition are
//! applied in the order of their epochs, to any number of lanes.
//! What has not happened is whole in every image; a row without a key that names the lane says that earlier ones of that
//! lane have none any more.
//!
//! Sessions are copied while the lane goes on, and one that is about to change is copied before it does; all else is taken
//! where the image begins. So a lane stands still for a checkpoint no longer than for what is new among the events that wait.
//!
//! **Invariant:** a slot that is not copied yet holds what it held where the image began.

mod restoring;

pub use restoring::restore;

use super::backlog::{WorkSlice, YieldAfter};
use super::reorder_buffer::{BufferedEvent, ReorderBuffer, TimeBucket};
use super::session::Watcher;
use super::slab::{Slot, SlotContent, SlotSet};
use super::{Lane, columns};
use arrow::array::{Array, BinaryBuilder, RecordBatch, StringBuilder, UInt8Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use compact_str::CompactString;
use event_feeder::Position;
use std::io::Write;
use std::sync::Arc;
use timeline_core::incremental::{Row, codec};
use timeline_core::record::Order;

const TEXT: u8 = 0;
const REMOVED: u8 = 1;
const LIVE: u8 = 2;
const CLOSED: u8 = 3;
const HELD: u8 = 4;
const RELEASED: u8 = 5;
const SEEN: u8 = 6;
const AHEAD: u8 = 7;
const DOING: u8 = 8;

/// Flags of a held event: it has an order; its position has a part, which then is one more word.
const HAS_ORDER: u64 = 1;
const HAS_PART: u64 = 2;
/// Above the flags stands the number of the source.
const SOURCE_AT: u32 = 8;

/// What an image holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// Whether every session is in it.
    pub full: bool,
    /// Sessions, held and seen events in it, at the most: what it costs to load.
    pub sessions: usize,
}

/// What a lane writes into a checkpoint, in parts that are put together by whoever writes it.
#[derive(Clone, Debug)]
pub struct ImageParts {
    head: RecordBatch,
    sessions: RecordBatch,
    tail: RecordBatch,
}

impl ImageParts {
    /// The rows.
    pub fn into_batch(self) -> RecordBatch {
        concat_batches(&schema(), &[self.head, self.sessions, self.tail]).expect("parts have the columns of an image")
    }
}

/// An image on its way.
#[derive(Debug)]
pub(super) struct LaneImage {
    /// Those that are not copied yet.
    left: SlotSet,
    texts: TextNumbers,
    /// Keys that are gone.
    removed: Vec<CompactString>,
    sessions: ImageBuilder,
    tail: ImageBuilder,
    words: Vec<u64>,
    heap_bytes: Vec<u8>,
}

/// The texts that an image refers to, in the order of first being referred to.
#[derive(Debug)]
struct TextNumbers {
    /// The number of each text of the dictionary as it was where the image began.
    of: Vec<u32>,
    texts: Vec<u32>,
}

impl TextNumbers {
    fn new(texts: usize) -> Self {
        TextNumbers { of: vec![u32::MAX; texts], texts: vec![] }
    }

    fn number(&mut self, word: &mut u64) {
        // A text that was only looked up may be unknown; it stays so.
        if let Some(place) = self.of.get_mut(*word as usize) {
            if *place == u32::MAX {
                *place = self.texts.len() as u32;
                self.texts.push(*word as u32);
            }
            *word = u64::from(*place);
        }
    }
}

/// Why a segment cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// It is not a table of the expected columns.
    #[error("a segment does not have the columns of one")]
    Columns,
    /// A row of an unknown sort.
    #[error("a segment has a row of unknown sort {0}")]
    Sort(u8),
    /// A held event that is cut short.
    #[error("a segment has a held event that is cut short")]
    Held,
    /// A session on the way between two timers that is cut short, or none.
    #[error("a segment has a session on its way that is cut short")]
    Doing,
    /// Events seen that are cut short.
    #[error("a segment has seen events that are cut short")]
    Seen,
    /// A session's row is not one of this plan.
    #[error(transparent)]
    Row(#[from] codec::Error),
}

#[derive(Debug)]
struct ImageBuilder {
    sort: Vec<u8>,
    key: StringBuilder,
    words: BinaryBuilder,
    heap: BinaryBuilder,
}

impl ImageBuilder {
    fn with_capacity(rows: usize, row_bytes: usize) -> Self {
        ImageBuilder {
            sort: Vec::with_capacity(rows),
            key: StringBuilder::with_capacity(rows, rows * 16),
            words: BinaryBuilder::with_capacity(rows, rows * row_bytes),
            heap: BinaryBuilder::with_capacity(rows, 0),
        }
    }

    fn push(&mut self, sort: u8, key: &str, words: &[u8], heap: &[u8]) {
        self.sort.push(sort);
        self.key.append_value(key);
        self.words.append_value(words);
        self.heap.append_value(heap);
    }

    fn push_words(&mut self, sort: u8, key: &str, words: &[u64], heap: &[u8]) {
        self.sort.push(sort);
        self.key.append_value(key);
        self.heap.append_value(heap);
        words.iter().for_each(|word| self.words.write_all(&word.to_le_bytes()).expect("writing to memory cannot fail"));
        self.words.append_value(b"");
    }

    fn finish(mut self) -> RecordBatch {
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(UInt8Array::from(self.sort)),
            Arc::new(self.key.finish()),
            Arc::new(self.words.finish()),
            Arc::new(self.heap.finish()),
        ];
        RecordBatch::try_new(schema(), columns).expect("all columns were appended to together")
    }
}

/// The columns of a segment.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("sort", DataType::UInt8, false),
        Field::new("key", DataType::Utf8, false),
        Field::new("words", DataType::Binary, false),
        Field::new("heap", DataType::Binary, false),
    ]))
}

impl Lane<()> {
    /// How many sessions are alive or remembered.
    pub fn sessions(&self) -> usize {
        (self.lives.live + self.lives.closed) as usize
    }

    /// How many sessions changed since the last image.
    pub fn changed(&self) -> usize {
        self.dirty.len() + self.removed.len()
    }

    /// Takes the image since the last one at once; of all sessions if `full`, and of everything if it is part of a `base`.
    pub fn image(&mut self, full: bool, base: bool) -> RecordBatch {
        self.begin_image(full, base);
        loop {
            if let Some(parts) = self.image_some(YieldAfter::Never) {
                return parts.into_batch();
            }
        }
    }

    /// Begins to take it as it is here. The one before is to be over.
    pub fn begin_image(&mut self, full: bool, base: bool) -> ImageSize {
        assert!(self.image.is_none(), "one image is taken at a time: what another has of the lane would be in none");
        let dirty = std::mem::take(&mut self.dirty);
        let removed = std::mem::take(&mut self.removed);
        let mut left = if full { self.slab.all_slots() } else { SlotSet::default() };
        dirty.iter().for_each(|slot| left.insert(*slot));
        let count = if full { self.sessions() } else { left.len() };

        // Lanes that are behind have released as much as all others: what waited for less than their clock has its turn.
        while let Some(clock) = self.backlog.clock {
            self.read_before_release(clock);
            let Some(bucket) = self.held.as_mut().and_then(|held| held.pop(clock)) else { break };
            self.backlog.extend(&bucket, &bucket.events);
        }
        let mut texts = TextNumbers::new(self.evaluator.dictionary().len());
        let columns = self.text_columns;
        let mut number = |word: &mut u64| texts.number(word);
        let mut held: Vec<(Slot, Vec<u8>)> = vec![];
        for bucket in self.held.iter_mut().flat_map(ReorderBuffer::buckets_mut) {
            let fresh = if base { 0 } else { bucket.imaged };
            bucket.imaged = bucket.events.len();
            held.extend(bucket.events[fresh..].iter().map(|e| (e.slot, packed(bucket, e, columns, &mut number))));
        }
        let (bucket, events) = self.backlog.events();
        let ahead: Vec<_> = events.iter().map(|e| (e.slot, packed(bucket, e, columns, &mut number))).collect();

        let seen = self.duplicates.as_mut().map_or_else(Vec::new, |duplicates| duplicates.image(base));
        let mut tail = ImageBuilder::with_capacity(held.len() + ahead.len() + 3, 0);
        for (slot, bytes) in &held {
            tail.push(HELD, self.slab.key(*slot), &[], bytes);
        }
        if let Some(released) = self.held.as_ref().map(ReorderBuffer::released) {
            tail.push(RELEASED, "", &released.to_le_bytes(), &[]);
        }
        if !seen.is_empty() {
            tail.push(SEEN, "", &[], &seen.iter().flat_map(|seen| seen.to_bytes()).collect::<Vec<u8>>());
        }
        if self.was_behind || self.is_behind() {
            tail.push(AHEAD, "", &self.number.to_le_bytes(), &[]);
            ahead.iter().for_each(|(slot, bytes)| tail.push(AHEAD, self.slab.key(*slot), &[], bytes));
            for (slot, doing) in &self.backlog.doing {
                tail.push(DOING, self.slab.key(*slot), &doing.to_bytes(), &[]);
            }
        }
        self.was_behind = self.is_behind();
        let sessions = ImageBuilder::with_capacity(count, self.evaluator.row_words() * 8);
        // Where the base stays, an image of all sessions does not say which are gone.
        let removed = if base { vec![] } else { removed };
        let size = ImageSize { full, sessions: count + held.len() + ahead.len() + seen.len() };
        let image = LaneImage { left, texts, removed, sessions, tail, words: vec![], heap_bytes: vec![] };
        self.image = Some(Box::new(image));
        size
    }

    /// Goes on with it until the lane is to look up; what it came to, once all is copied. Nothing if none was begun.
    pub fn image_some(&mut self, yield_after: YieldAfter) -> Option<ImageParts> {
        let mut image = self.image.take()?;
        let (mut stretch, mut copied) = (WorkSlice::new(yield_after), 0);
        stretch.begin(0);
        while let Some(slot) = image.left.pop() {
            self.copy_to(&mut image, slot);
            copied += 1;
            if stretch.is_over(copied) {
                self.image = Some(image);
                return None;
            }
        }
        let LaneImage { texts, removed, sessions, tail, .. } = *image;
        let mut head = ImageBuilder::with_capacity(texts.texts.len() + removed.len(), 0);
        texts.texts.iter().for_each(|text| head.push(TEXT, self.evaluator.dictionary().text(*text), &[], &[]));
        removed.iter().for_each(|key| head.push(REMOVED, key, &[], &[]));
        self.is_read();
        Some(ImageParts { head: head.finish(), sessions: sessions.finish(), tail: tail.finish() })
    }
}

impl<W: Watcher> Lane<W> {
    /// Copies a slot that is about to change, if an image is to have it.
    #[cold]
    #[inline(never)]
    pub(super) fn image_before_change(&mut self, slot: Slot) {
        let Some(mut image) = self.image.take() else { return };
        if image.left.remove(slot) {
            self.copy_to(&mut image, slot);
        }
        self.image = Some(image);
    }

    fn copy_to(&mut self, image: &mut LaneImage, slot: Slot) {
        // From here on it is unchanged since the image, or changes.
        self.slab.meta(slot).dirty = false;
        let sort = match self.slab.meta(slot).life {
            SlotContent::Live => LIVE,
            SlotContent::Closed => CLOSED,
            SlotContent::Empty => return,
        };
        let LaneImage { texts, sessions, words, heap_bytes, .. } = image;
        let (mut heap, _) = self.slab.copy(slot, words);
        let mut row = Row { words, heap: &mut heap };
        codec::for_each_text(self.evaluator.layout(), &mut row, &mut |word: &mut u64| texts.number(word));
        heap_bytes.clear();
        codec::encode_heap(self.evaluator.layout(), &heap, heap_bytes);
        sessions.push_words(sort, self.slab.key(slot), words, heap_bytes);
    }
}

/// An event that waits, as the image has it.
fn packed(bucket: &TimeBucket, event: &BufferedEvent, texts: u64, number: &mut impl FnMut(&mut u64)) -> Vec<u8> {
    let mut bytes = vec![];
    let (has_order, order) = (event.order.is_some(), event.order.map_or(0, Order::bits));
    let Position { source, file, offset, part } = event.position;
    let head = [
        event.time as u64,
        if has_order { HAS_ORDER } else { 0 } | if part == 0 { 0 } else { HAS_PART } | u64::from(source) << SOURCE_AT,
        order,
        file,
        offset,
        event.present,
        event.nulls,
    ];
    bytes.extend(head.iter().flat_map(|word| word.to_le_bytes()));
    if part != 0 {
        bytes.extend(part.to_le_bytes());
    }
    for (column, word) in columns(event.present & !event.nulls).zip(bucket.words(event)) {
        let mut word = *word;
        if texts & 1 << column != 0 {
            number(&mut word);
        }
        bytes.extend(word.to_le_bytes());
    }
    bytes
}
