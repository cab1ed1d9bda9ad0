//! The declaration of a source: what identifies a session, what orders its events, and when it ends.

use super::op::NodeId;
use super::path::FieldPath;
use crate::{Time, Type};
use std::fmt;
use std::sync::Arc;

/// A declared source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceDefinition {
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
    /// How its CSV is written, as far as that is said.
    pub csv: Csv,
}

/// How CSV is written, where the program says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Csv {
    /// What stands between cells; without it the header tells.
    pub delimiter: Option<u8>,
    /// What stands before the fraction of a number: `.` or `,`; without it the delimiter tells.
    pub decimal: Option<u8>,
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

/// What [`SourceDefinition::future`] is unless the program says otherwise: a day, for clocks and time zones that are wrong.
pub const FUTURE: Time = 86_400_000_000_000;

/// The most sources that can share a key.
pub const MAX_SOURCES: usize = 16;

/// How an event time is written in a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// A count of nanoseconds since the Unix epoch.
    Nanoseconds,
    /// A count of microseconds.
    Microseconds,
    /// A count of milliseconds.
    Milliseconds,
    /// A count of seconds; a fraction is allowed.
    Seconds,
    /// RFC 3339 text, with the liberties that logs take: a space for `T`, no offset (UTC), no seconds.
    Rfc3339,
    /// Text of a form of its own.
    Format(Arc<TimeFormat>),
}

/// A form of times that the program spells out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimeFormat {
    /// As of `strptime`: `%d.%m.%Y %H:%M:%S`.
    pub format: String,
    /// The time zone of times that say none, by its IANA name; UTC without it.
    pub zone: Option<String>,
}

impl TimeUnit {
    /// Nanoseconds in one unit; `None` for text.
    pub fn nanoseconds(&self) -> Option<i64> {
        match self {
            TimeUnit::Nanoseconds => Some(1),
            TimeUnit::Microseconds => Some(1_000),
            TimeUnit::Milliseconds => Some(1_000_000),
            TimeUnit::Seconds => Some(1_000_000_000),
            TimeUnit::Rfc3339 | TimeUnit::Format(_) => None,
        }
    }

    /// The word that names the unit in a program; that of a form of its own stands for `as "FORMAT"`.
    pub fn name(&self) -> &'static str {
        match self {
            TimeUnit::Nanoseconds => "ns",
            TimeUnit::Microseconds => "us",
            TimeUnit::Milliseconds => "ms",
            TimeUnit::Seconds => "s",
            TimeUnit::Rfc3339 => "rfc3339",
            TimeUnit::Format(_) => "format",
        }
    }
}

/// As it stands behind the field of a `time` clause: `in ms`, `as "%d.%m.%Y" in "Europe/Berlin"`.
impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeUnit::Format(own) => {
                write!(f, "as {:?}", own.format)?;
                own.zone.as_ref().map_or(Ok(()), |zone| write!(f, " in {zone:?}"))
            }
            TimeUnit::Nanoseconds
            | TimeUnit::Microseconds
            | TimeUnit::Milliseconds
            | TimeUnit::Seconds
            | TimeUnit::Rfc3339 => write!(f, "in {}", self.name()),
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
pub struct SourceColumn {
    /// Its name in programs.
    pub name: String,
    /// Where its value stands in a record.
    pub path: FieldPath,
    /// Its type; a value of another type is a bad value.
    pub ty: Type,
    /// The source that has it, by its number in [`super::Plan::sources`].
    pub source: u8,
    /// What stands for nothing in it.
    pub nulls: Nulls,
}

/// What stands for nothing in a column, and what that says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Nulls {
    /// Whether an explicit null is no event on the column, as if it were missing; else it sets the column to absent.
    pub missing: bool,
    /// Texts that are explicit nulls, whatever the column's type.
    pub words: Vec<String>,
}

impl Nulls {
    /// Whether nothing was said of them.
    pub fn are_usual(&self) -> bool {
        !self.missing && self.words.is_empty()
    }
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
