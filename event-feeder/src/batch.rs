//! Decoded events, packed.
//!
//! A batch owns one arena of bytes (the block itself, then texts that had to be unescaped or made) and refers into it,
//! so that decoding allocates nothing per event.
//!
//! **Invariant:** every [`Slice`] of an event lies in the arena and is UTF-8; every float is finite and not `-0.0`.

use crate::{Mark, Position, RecordCode, Sniffed};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use timeline_core::plan::SourceColumn;
use timeline_core::record::Order;
use timeline_core::{Field, Record, Time, Type, Value};

/// The events of one block.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The arena.
    pub bytes: Vec<u8>,
    /// Usable events in log order.
    pub events: Vec<DecodedEvent>,
    /// Values of all events; see [`DecodedEvent::values_at`].
    ///
    /// A string is [`Slice::pack`]ed, a float its bits, an int its two's complement, a bool 0 or 1.
    pub values: Vec<u64>,
    /// What could not be read, in log order.
    pub dead: Vec<DeadLetter>,
    /// The largest time of a usable event.
    pub max_time: Option<Time>,
    /// Name of the file, stream or topic.
    pub origin: Arc<str>,
    /// Where the block begins.
    pub start: Position,
    /// Where the block ends.
    pub end: Position,
    /// How many records the block holds, unusable ones included.
    pub records: u64,
    /// How many events stand in messages that have another key than theirs.
    ///
    /// A message is of the key of its first event, so that one may hold several sessions of one partition; whether it is
    /// follows from its own bytes alone.
    pub misrouted: u64,
    /// The block's, for [`Batch::position`].
    pub marks: Vec<Mark>,
    /// What its records have, and what is odd about them.
    pub seen: RecordTraits,
    /// What precedes the record behind it, where times depend on that.
    pub last: LastTime,
}

/// The time of the last record of a log so far. Records without a time that can be used do not count; one that is no event
/// for another reason, such as its key, does.
///
/// Known only of sources whose times depend on it: local times of a zone whose clocks are changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastTime {
    /// It; `None` where there was none yet.
    pub time: Option<Time>,
    /// Whether it is the same whatever preceded the block: some record in it has a time that comes once.
    pub is_certain: bool,
}

/// So many files are kept that lack columns.
const LACKING_MAX: usize = 64;

/// What records have, and what is odd about them: enough to say what nobody has, and never part of an answer.
#[derive(Clone, Debug, Default)]
pub struct RecordTraits {
    /// The columns that some record has, nulls and values that do not fit included, as a set of column bits.
    pub columns: u64,
    /// Whether some record has the order column.
    pub order: bool,
    /// Events that have an explicit null in at least half of the columns that are read, and in at least two.
    pub hollow: u64,
    /// Times with digits beyond the nanosecond, which were cut off.
    pub cut: u64,
    /// Local times that a change of the clocks makes twice; each was taken for the first of both that is not before the
    /// record ahead of it, else for the earlier.
    pub twice: u64,
    /// How far an event is behind the largest time before it, at most; of several batches only of those within each.
    pub behind: Time,
    /// The least time of a usable event.
    pub least: Option<Time>,
    /// The largest.
    pub largest: Option<Time>,
    /// Numbers of CSV as far as their decimal signs are in doubt.
    pub signs: DecimalSigns,
    /// Names that a header has twice and of which something is read, with the file and the places of the columns, counted
    /// from 1: the first files of them.
    pub twice_named: BTreeMap<String, (Arc<str>, Vec<usize>)>,
    /// Files whose header or schema lacks columns that are read, with the set of these: the first of them.
    pub lacking: BTreeMap<Arc<str>, u64>,
    /// What was looked for that some record has to have ([`timeline_core::Plan::needs`]), as a set of the bits of its numbers.
    pub asked: u64,
    /// What of it some record has.
    pub met: u64,
    /// Values of columns, under their bits, in which something was looked for in vain.
    pub samples: BTreeMap<u64, ValueSample>,
    /// The names that the first records have; only where something that is read was not in them.
    pub names: Option<Box<Sniffed>>,
}

impl RecordTraits {
    /// Adds what other records of the same source have.
    pub fn add(&mut self, other: RecordTraits) {
        let RecordTraits {
            columns,
            order,
            hollow,
            cut,
            twice,
            behind,
            least,
            largest,
            signs,
            twice_named,
            lacking,
            asked,
            met,
            samples,
            names,
        } = other;
        self.columns |= columns;
        self.order |= order;
        self.hollow += hollow;
        self.cut += cut;
        self.twice += twice;
        self.behind = self.behind.max(behind);
        self.least = self.least.into_iter().chain(least).min();
        self.largest = self.largest.max(largest);
        self.asked |= asked;
        self.met |= met;
        for (column, sample) in samples {
            self.samples.entry(column).or_default().add(sample);
        }
        self.signs.add(signs);
        for (name, places) in twice_named {
            self.twice_named.entry(name).or_insert(places);
        }
        if self.lacking.len() < LACKING_MAX {
            self.lacking.extend(lacking);
        }
        if let Some(more) = names {
            self.names.get_or_insert_default().add(*more);
        }
    }
}

/// Numbers of CSV where it is not said what stands before a fraction, and a comma may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecimalSigns {
    /// Those with a comma.
    pub commas: u64,
    /// Those with a point and three digits behind it, which may group thousands. The point was taken for the decimal sign.
    pub thousands: u64,
    /// One of these.
    pub example: Option<Box<str>>,
}

impl DecimalSigns {
    fn add(&mut self, other: DecimalSigns) {
        let DecimalSigns { commas, thousands, example } = other;
        self.commas += commas;
        self.thousands += thousands;
        self.example = self.example.take().or(example);
    }
}

/// Values that a column has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueSample {
    /// The values, as people write them; at most [`ValueSample::MAX`].
    pub texts: BTreeSet<Box<str>>,
    /// Whether there may be others.
    pub more: bool,
}

impl ValueSample {
    /// How many values are kept.
    pub const MAX: usize = 64;

    fn add(&mut self, other: ValueSample) {
        self.more |= other.more;
        for text in other.texts {
            if self.texts.len() < Self::MAX {
                self.texts.insert(text);
            } else {
                self.more |= !self.texts.contains(&text);
            }
        }
    }
}

/// One usable event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodedEvent {
    /// [`crate::key_hash`] of the key.
    pub hash: u64,
    /// When it happened.
    pub time: Time,
    /// [`Order::bits`] if `has_order`; else 0.
    pub order_bits: u64,
    /// The session's key.
    pub key: Slice,
    /// The columns that the event carries, nulls included, as a set of column bits.
    pub present: u64,
    /// Those of them that are null.
    pub nulls: u64,
    /// Index into [`Batch::values`] of the first of `(present & !nulls).count_ones()` values, in ascending column order.
    pub values_at: u32,
    /// Where the record begins, from the block's start: bytes, or rows for Parquet. Strictly increasing.
    pub ordinal: u32,
    /// Whether the order column is there.
    pub has_order: bool,
    /// Whether the event is behind the largest time before it in this batch by more than the lateness.
    pub late_in_batch: bool,
    /// Whether it is further behind than what the source repairs as well.
    pub lost_in_batch: bool,
}

const _: () = assert!(size_of::<DecodedEvent>() <= 64, "an event is one cache line");

impl DecodedEvent {
    /// The producer's order among equal times.
    pub fn order(&self) -> Option<Order> {
        self.has_order.then(|| Order::from_bits(self.order_bits))
    }
}

/// A text in the arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Slice {
    /// Its first byte.
    pub at: u32,
    /// Its length in bytes.
    pub len: u32,
}

impl Slice {
    /// As one word of [`Batch::values`].
    pub fn pack(self) -> u64 {
        u64::from(self.at) << 32 | u64::from(self.len)
    }

    /// The inverse of [`Slice::pack`].
    pub fn unpack(word: u64) -> Self {
        Slice { at: (word >> 32) as u32, len: word as u32 }
    }

    /// The bytes it stands for in an arena.
    pub fn of(self, arena: &[u8]) -> &[u8] {
        &arena[self.at as usize..][..self.len as usize]
    }
}

/// A record, or a value of one, that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Name of the file or stream.
    pub origin: Arc<str>,
    /// Where the record begins.
    pub position: Position,
    /// What is wrong.
    pub code: RecordCode,
    /// The column (or key, time or order field) whose value is wrong; `None` for the whole record.
    pub column: Option<Arc<str>>,
    /// What is wrong, for people.
    pub reason: Cow<'static, str>,
    /// The first [`DeadLetter::KEPT`] bytes of the record; a Parquet row as JSON.
    pub record: Vec<u8>,
}

impl DeadLetter {
    /// How many bytes of a record are kept.
    pub const KEPT: usize = 1024;
}

impl Batch {
    /// Where the event's record begins.
    pub fn position(&self, event: &DecodedEvent) -> Position {
        self.position_at(event.ordinal)
    }

    /// Where a record stands that begins so far from the block's start.
    pub(crate) fn position_at(&self, ordinal: u32) -> Position {
        let Some(last) = self.marks.partition_point(|mark| mark.at <= ordinal).checked_sub(1) else {
            return self.start.plus(u64::from(ordinal));
        };
        let mark = &self.marks[last];
        mark.position.within(ordinal - mark.at)
    }

    /// A text of the arena.
    pub fn text(&self, slice: Slice) -> &str {
        std::str::from_utf8(slice.of(&self.bytes)).expect("decoders put only UTF-8 behind slices")
    }

    /// The event in the form that is easy to read; `columns` as they were decoded.
    pub fn record(&self, event: &DecodedEvent, columns: &[SourceColumn], position: u64) -> Record {
        let mut values = self.values[event.values_at as usize..].iter();
        let fields = columns.iter().enumerate().map(|(i, column)| {
            let bit = 1u64 << i;
            if event.present & bit == 0 {
                return Field::Missing;
            }
            if event.nulls & bit != 0 {
                return Field::Null;
            }
            let word = *values.next().expect("an event has a value for every column it carries");
            Field::Value(match column.ty {
                Type::String => Value::text(self.text(Slice::unpack(word))),
                Type::Float => Value::Float(f64::from_bits(word)),
                Type::Int => Value::Int(word as i64),
                Type::Bool => Value::Bool(word != 0),
            })
        });
        Record { time: event.time, source: self.start.source, order: event.order(), position, fields: fields.collect() }
    }
}
