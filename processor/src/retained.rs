//! Kept events: what a live log held, in sealed segments beside the state, for as long as `--keep` says.
//!
//! A segment has the messages as they were received, one a row, with their places; so they can be read again for any
//! query, also for one that reads other columns than those of the time. Which segments there are is said by the
//! checkpoint that they came with, so they end where its state does.
//!
//! **Invariant:** kept segments follow one another without a gap, and what is dropped is dropped from the front, by the
//! time of the log and never by the wall clock.

mod replay;

pub use replay::{Replay, replay};

use crate::checkpoint::{self, CheckpointReader, FileKind, FileRef, Putter, segment};
use crate::damage::Damage;
use arrow::array::{Array, ArrayRef, BinaryArray, BinaryBuilder, Int64Array, RecordBatch, UInt64Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::writer::FileWriter;
use event_feeder::{Block, Mark, MessageKey, Payload, Position};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use timeline_core::Time;

/// Segments before they are put together.
const SEGMENTS_MAX: usize = 24;
/// A segment this large is left as it is, in bytes; what is put together is at most about twice as large.
const LARGE: u64 = 32 << 20;
/// Batches of a segment have about so many bytes.
const BATCH: usize = 4 << 20;

/// What the checkpoint says of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SegmentMetadata {
    /// The number of the source whose log it is of.
    #[serde(default)]
    source: u8,
    /// Everything before it is in earlier segments, or gone.
    from: Position,
    /// Everything before it is in this segment or an earlier one.
    to: Position,
    /// The largest event time of the log before it.
    before: Option<Time>,
    /// The largest event time of the log by its end.
    max_time: Option<Time>,
    /// Whether nothing of the log lies before it.
    first: bool,
    /// The time of the record before it, where the times of records depend on that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preceding: Option<Time>,
}

/// Why kept events cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// Not a segment of kept events.
    #[error("{segment}: {reason}")]
    Malformed {
        /// The segment's name.
        segment: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The segments of a checkpoint that are of the log of one source, in its order. Places here are plain ones of that log.
#[derive(Clone, Debug, Default)]
pub struct RetainedLog {
    source: u8,
    segments: Vec<(FileRef, SegmentMetadata)>,
}

impl RetainedLog {
    /// Those of a source among the files of a checkpoint.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a FileRef>, source: u8) -> Result<Self, Error> {
        let facts = |file: &FileRef| {
            serde_json::from_value(file.metadata.clone())
                .map(|facts: SegmentMetadata| (file.clone(), facts))
                .map_err(|error| Error::Malformed { segment: file.name.clone(), reason: error.to_string() })
        };
        let kept = files.into_iter().filter(|file| file.kind == FileKind::Kept);
        let mut segments = kept.map(facts).collect::<Result<Vec<_>, _>>()?;
        segments.retain(|(_, facts)| facts.source == source);
        segments.sort_by_key(|(_, facts)| facts.from);
        Ok(RetainedLog { source, segments })
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        self.segments.iter().map(|(file, _)| file)
    }

    /// Whether the whole log from one position to another is kept.
    pub fn is_whole(&self, from: Position, to: Position) -> bool {
        to <= from || self.segments.first().is_some_and(|(_, facts)| facts.from <= from) && self.end() >= to
    }

    /// Up to where events are kept; the start of the log if none are.
    pub fn end(&self) -> Position {
        self.segments.last().map_or(Position::START, |(_, facts)| facts.to)
    }

    /// The largest event time of the log before what is kept.
    pub fn before(&self) -> Option<Time> {
        self.segments.first().and_then(|(_, facts)| facts.before)
    }

    /// Gives up a segment: what lies before it is of no use either. The files that go.
    pub fn give_up(&mut self, object: &str) -> Vec<FileRef> {
        let count = self.segments.iter().position(|(file, _)| file.name == object).map_or(0, |at| at + 1);
        self.segments.drain(..count).map(|(file, _)| file).collect()
    }

    /// Compares every segment with what was written.
    pub fn compare(&self, reader: &CheckpointReader) -> Result<(), Error> {
        self.segments.iter().try_for_each(|(file, _)| reader.read(file).map(drop).map_err(Error::from))
    }

    /// Writes what came between two positions, and drops what is older than `keep` nanoseconds.
    pub fn write(
        &mut self,
        putter: &Putter,
        reader: &CheckpointReader,
        fresh: RetainedTail,
        keep: Time,
        folder: &str,
        damage: &mut Damage,
    ) -> Result<(), Error> {
        let newest = fresh.max_time;
        if fresh.to > fresh.from && keep > 0 {
            // Events that were not kept leave a gap: what lies before it is of no use.
            if self.end() != fresh.from {
                self.segments.clear();
            }
            let facts = SegmentMetadata {
                source: self.source,
                from: fresh.from,
                to: fresh.to,
                before: fresh.before,
                max_time: fresh.max_time,
                first: fresh.from == Position::START,
                preceding: fresh.preceding,
            };
            let mut segment = Segment::new(fresh.bytes)?;
            for batch in batches(fresh.blocks) {
                segment.add(batch)?;
            }
            self.segments.push((segment.put(putter, &facts)?, facts));
        }
        let oldest = newest.map(|max| max.saturating_sub(keep));
        let old = self.segments.iter().take_while(|(_, facts)| keep == 0 || facts.max_time < oldest).count();
        self.segments.drain(..old).for_each(|(file, _)| putter.forget(&file));
        self.put_together(putter, reader, folder, damage)
    }

    /// Puts small segments that follow one another together where they became many, or make a large one. One that is not as
    /// it was written stays as it is, and parts those before it from those behind.
    fn put_together(
        &mut self,
        putter: &Putter,
        reader: &CheckpointReader,
        folder: &str,
        damage: &mut Damage,
    ) -> Result<(), Error> {
        let (mut count, mut length) = (0, 0);
        for (file, _) in self.segments.iter().rev() {
            if file.length >= LARGE || length >= LARGE || damage.has(folder, &file.name) {
                break;
            }
            (count, length) = (count + 1, length + file.length);
        }
        if count < 2 || count < SEGMENTS_MAX && length < LARGE {
            return Ok(());
        }
        let parts = self.segments.split_off(self.segments.len() - count);
        let (Some((_, first)), Some((_, last))) = (parts.first(), parts.last()) else { return Ok(()) };
        let facts = SegmentMetadata { to: last.to, max_time: last.max_time, ..first.clone() };
        // One at a time for all partitions of the process: each has one old segment and the new one in memory.
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut segment = Segment::new(usize::try_from(length).unwrap_or(0))?;
        for (file, _) in &parts {
            let batches = match read(reader, file) {
                Ok(batches) => batches,
                Err(Error::Checkpoint(checkpoint::Error::Corrupt(finding))) => {
                    damage.note(folder, file, &finding.problem);
                    self.segments.extend(parts);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            for batch in batches {
                segment.add(with_key(&batch))?;
            }
        }
        self.segments.push((segment.put(putter, &facts)?, facts));
        drop(alone);
        parts.iter().for_each(|(file, _)| putter.forget(file));
        Ok(())
    }
}

/// A segment on its way: batches are encoded as they come, so that its messages are in memory once.
struct Segment {
    writer: FileWriter<Vec<u8>>,
    /// Small batches, and their bytes.
    waiting: Vec<RecordBatch>,
    bytes: usize,
}

impl Segment {
    /// An empty one that will have about so many bytes.
    fn new(bytes: usize) -> Result<Self, Error> {
        let writer = FileWriter::try_new(Vec::with_capacity(bytes + bytes / 8 + (64 << 10)), &schema());
        Ok(Segment { writer: writer.map_err(malformed)?, waiting: vec![], bytes: 0 })
    }

    fn add(&mut self, batch: RecordBatch) -> Result<(), Error> {
        self.bytes += batch.get_array_memory_size();
        self.waiting.push(batch);
        if self.bytes < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.bytes = 0;
        match &std::mem::take(&mut self.waiting)[..] {
            [] => Ok(()),
            [one] => self.writer.write(one).map_err(malformed),
            many => {
                let batch = concat_batches(&schema(), many).map_err(malformed)?;
                self.writer.write(&batch).map_err(malformed)
            }
        }
    }

    fn put(mut self, putter: &Putter, facts: &SegmentMetadata) -> Result<FileRef, Error> {
        self.flush()?;
        let bytes = self.writer.into_inner().map_err(malformed)?;
        let metadata = serde_json::to_value(facts).expect("facts are plain data");
        Ok(putter.put(FileKind::Kept, "kept", &bytes, metadata)?)
    }
}

fn malformed(error: arrow::error::ArrowError) -> Error {
    Error::Malformed { segment: "new kept events".into(), reason: error.to_string() }
}

/// What was read since the last checkpoint, to be kept with the next one.
#[derive(Clone, Debug, Default)]
pub struct RetainedTail {
    /// Where it begins.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
    /// The largest event time of the log before it.
    pub before: Option<Time>,
    /// The largest event time of the log by its end.
    pub max_time: Option<Time>,
    /// The time of the record before it, where the times of records depend on that.
    preceding: Option<Time>,
    /// The messages: lines and where they stand.
    blocks: Vec<(Vec<u8>, Vec<Mark>)>,
    bytes: usize,
}

impl RetainedTail {
    /// Nothing yet, behind a position.
    pub fn after(position: Position, max_time: Option<Time>) -> Self {
        let (from, to, before) = (position, position, max_time);
        RetainedTail { from, to, before, max_time, preceding: None, blocks: vec![], bytes: 0 }
    }

    /// It, with the largest event time of the log by its end.
    pub fn until(self, max_time: Option<Time>) -> Self {
        RetainedTail { max_time, ..self }
    }

    /// Whether nothing has been read.
    pub fn is_empty(&self) -> bool {
        self.to == self.from
    }

    /// How many bytes of memory the messages have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Nothing is to be kept up to a position: the log has lost it.
    pub fn over(&mut self, position: Position) {
        self.to = self.to.max(position);
    }

    /// Adds a block.
    pub fn push(&mut self, block: &Block) {
        self.to = block.end.of(0);
        if let Payload::Lines(bytes) = &block.payload {
            let whole = || vec![Mark { at: 0, position: block.start, received: None, key: None }];
            let marks = if block.marks.is_empty() { whole() } else { block.marks.clone() };
            self.bytes += bytes.len() + marks.len() * size_of::<Mark>();
            if self.blocks.is_empty() {
                self.preceding = block.preceding;
            }
            self.blocks.push((bytes.clone(), marks));
        }
    }
}

/// The number of the column of keys.
const KEY: usize = 5;

/// The columns of a segment: a message's place, when the log received it (nanoseconds), its bytes, and the hash of its
/// key where that is known; older segments end before it.
fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("file", DataType::UInt64, false),
        Field::new("offset", DataType::UInt64, false),
        Field::new("part", DataType::UInt64, false),
        Field::new("received", DataType::Int64, true),
        Field::new("message", DataType::Binary, false),
        Field::new("key", DataType::UInt64, true),
    ]))
}

/// Blocks as batches, each let go of when it was turned into one.
fn batches(blocks: Vec<(Vec<u8>, Vec<Mark>)>) -> impl Iterator<Item = RecordBatch> {
    blocks.into_iter().map(|(bytes, marks)| rows(&bytes, &marks))
}

fn rows(bytes: &[u8], marks: &[Mark]) -> RecordBatch {
    let mut messages = BinaryBuilder::with_capacity(marks.len(), bytes.len());
    for (i, mark) in marks.iter().enumerate() {
        let end = marks.get(i + 1).map_or(bytes.len(), |next| next.at as usize);
        messages.append_value(&bytes[mark.at as usize..end]);
    }
    let marks = || marks.iter();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_iter_values(marks().map(|mark| mark.position.file))),
        Arc::new(UInt64Array::from_iter_values(marks().map(|mark| mark.position.offset))),
        Arc::new(UInt64Array::from_iter_values(marks().map(|mark| mark.position.part))),
        Arc::new(Int64Array::from_iter(marks().map(|mark| mark.received))),
        Arc::new(messages.finish()),
        Arc::new(UInt64Array::from_iter(marks().map(|mark| mark.key.map(MessageKey::hash)))),
    ];
    RecordBatch::try_new(schema(), columns).expect("all columns have a row for each mark")
}

/// A batch of a segment with the column of keys, which older segments have not.
fn with_key(batch: &RecordBatch) -> RecordBatch {
    if batch.num_columns() > KEY {
        return batch.clone();
    }
    let unknown: ArrayRef = Arc::new(UInt64Array::new_null(batch.num_rows()));
    let columns = batch.columns().iter().cloned().chain([unknown]).collect();
    RecordBatch::try_new(schema(), columns).unwrap_or_else(|_| batch.clone())
}

fn read(reader: &CheckpointReader, file: &FileRef) -> Result<Vec<RecordBatch>, Error> {
    segment::decode(&reader.read(file)?)
        .map_err(|error| Error::Malformed { segment: file.name.clone(), reason: error.to_string() })
}

/// The messages of a segment.
struct SegmentMessages<'a> {
    places: [&'a UInt64Array; 3],
    received: &'a Int64Array,
    bytes: &'a BinaryArray,
    keys: Option<&'a UInt64Array>,
}

impl<'a> SegmentMessages<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let place = |i: usize| batch.columns().get(i)?.as_any().downcast_ref::<UInt64Array>();
        Some(SegmentMessages {
            places: [place(0)?, place(1)?, place(2)?],
            received: batch.columns().get(3)?.as_any().downcast_ref()?,
            bytes: batch.columns().get(4)?.as_any().downcast_ref()?,
            keys: place(KEY),
        })
    }

    fn position(&self, i: usize) -> Position {
        let [file, offset, part] = self.places.map(|column| column.value(i));
        Position { source: 0, file, offset, part }
    }

    fn received(&self, i: usize) -> Option<Time> {
        self.received.is_valid(i).then(|| self.received.value(i))
    }

    fn key(&self, i: usize) -> Option<MessageKey> {
        let keys = self.keys.filter(|keys| keys.is_valid(i))?;
        Some(MessageKey::from_hash(keys.value(i)))
    }
}
