//! The declaration of a source: what identifies a session, what orders its events, and when it ends.

use super::op::NodeId;
use crate::{Time, Type};

/// A declared source.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name in programs.
    pub name: String,
    /// The fields that make the key, at least one.
    pub key: Vec<FieldPath>,
    /// The field that holds the event time.
    pub time: FieldPath,
    /// How the event time is written.
    pub time_unit: TimeUnit,
    /// The producer's order among equal times: the field and its type (`int` or `float`).
    pub order: Option<(FieldPath, Type)>,
    /// How long an out-of-order event is waited for, in nanoseconds; not negative.
    pub lateness: Time,
    /// How much later than the log received it an event may be, in nanoseconds; only for logs that know when that was.
    /// Not negative; `None` is no limit.
    pub future: Option<Time>,
    /// When the clock of a silent partition goes on.
    pub idle: Idle,
    /// How far behind the watermark an event may be and still be folded in, in nanoseconds; `None`: not at all, it only
    /// goes to the ledger. Positive.
    pub repair: Option<Time>,
}

/// When the watermark of a partition goes on although no event comes; only live logs fall silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Idle {
    /// As is usual for the log: after [`Idle::USUAL`] on a live one.
    #[default]
    Usual,
    /// Never.
    Never,
    /// After so many nanoseconds. Positive.
    After(Time),
}

impl Idle {
    /// How long a live log is silent before its clock goes on, unless the program says otherwise.
    pub const USUAL: Time = 30_000_000_000;

    /// How long a live log is silent before its clock goes on.
    pub fn live(self) -> Option<Time> {
        match self {
            Idle::Usual => Some(Idle::USUAL),
            Idle::Never => None,
            Idle::After(length) => Some(length),
        }
    }
}

/// Which events of a key are one and the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dedup {
    /// Events of a key with the same value of this column ...
    pub column: ColumnId,
    /// ... and times no further apart than this, in nanoseconds, are one. Not negative.
    pub within: Time,
}

/// What [`Source::future`] is unless the program says otherwise: a day, for clocks and time zones that are wrong.
pub const FUTURE: Time = 86_400_000_000_000;

/// Where a value stands in a record: the member names from the outside in (JSON), joined by `.` as a column name (CSV, Parquet).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(pub Vec<String>);

/// The most sources that can share a key.
pub const MAX_SOURCES: usize = 16;

impl FieldPath {
    /// A top-level field.
    pub fn name(name: &str) -> Self {
        FieldPath(vec![name.to_owned()])
    }

    /// The members joined by dots, as people write it.
    pub fn dotted(&self) -> String {
        self.0.join(".")
    }
}

/// How an event time is written in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// A count of nanoseconds since the Unix epoch.
    Nanoseconds,
    /// A count of microseconds.
    Microseconds,
    /// A count of milliseconds.
    Milliseconds,
    /// A count of seconds; a fraction is allowed.
    Seconds,
    /// RFC 3339 text; a space for `T` and a missing offset (UTC) are allowed.
    Rfc3339,
}

impl TimeUnit {
    /// Nanoseconds in one unit; `None` for text.
    pub fn nanoseconds(self) -> Option<i64> {
        match self {
            TimeUnit::Nanoseconds => Some(1),
            TimeUnit::Microseconds => Some(1_000),
            TimeUnit::Milliseconds => Some(1_000_000),
            TimeUnit::Seconds => Some(1_000_000_000),
            TimeUnit::Rfc3339 => None,
        }
    }

    /// The word that names the unit in a program.
    pub fn name(self) -> &'static str {
        match self {
            TimeUnit::Nanoseconds => "ns",
            TimeUnit::Microseconds => "us",
            TimeUnit::Milliseconds => "ms",
            TimeUnit::Seconds => "s",
            TimeUnit::Rfc3339 => "rfc3339",
        }
    }
}

/// An index into [`super::Plan::columns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnId(pub u8);

impl ColumnId {
    /// The most columns that the queries on one source may read, for a set of columns is one 64-bit word.
    pub const MAX_COLUMNS: usize = 64;

    /// The index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The column's bit in a set of columns.
    pub fn bit(self) -> u64 {
        1 << self.0
    }
}

/// A column that some node reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// Its name in programs.
    pub name: String,
    /// Where its value stands in a record.
    pub path: FieldPath,
    /// Its type; a value of another type is a bad value.
    pub ty: Type,
    /// The source that has it, by its number in [`super::Plan::sources`].
    pub source: u8,
}

/// When a session ends; with nothing set it never does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndRule {
    /// An event of truth values; the session ends after the whole instant of a match.
    pub when: Option<NodeId>,
    /// Silence: a gap longer than this closes the session. Positive.
    pub silence: Option<Time>,
    /// Whether that silence is counted, up to the close.
    pub billed: bool,
    /// Maximum age: the session closes this long after its first event. Positive.
    pub max_age: Option<Time>,
    /// For how long after an end by an event the key begins no other session, in nanoseconds, from that end on.
    /// Not negative; 0 where [`EndRule::when`] is not set.
    pub linger: Time,
}
