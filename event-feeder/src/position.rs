//! Where a record stands in the log of a partition.
//!
//! **Invariant:** of two records of one log, the later one has the greater position; a position never depends on how
//! the log was cut into blocks or on when it was read.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A place between two records of a log: everything before it has been read.
///
/// | log | `file` | `offset` | `part` |
/// |---|---|---|---|
/// | files, a stream | ordinal of the file, from 0 | bytes from its beginning (rows for Parquet) | 0 |
/// | Pulsar | ledger | entry | index in the entry's batch `<< 32`, plus bytes from the message's beginning |
///
/// Sources that share a key are logs of their own, numbered as in the plan: a position is one of one of them.
///
/// Where reading goes on in a topic is always the beginning of an entry (`part` 0): an entry is acknowledged as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The number of the source whose log it is; left out where it is 0.
    #[serde(default, skip_serializing_if = "is_first")]
    pub source: u8,
    /// The greatest of the parts.
    pub file: u64,
    /// Within it.
    pub offset: u64,
    /// Within that; left out where it is 0, as it is for all files.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub part: u64,
}

impl Position {
    /// The beginning of every log.
    pub const START: Position = Position::at(0, 0);

    /// A place in a file, or the beginning of an entry of a topic.
    pub const fn at(file: u64, offset: u64) -> Self {
        Position { source: 0, file, offset, part: 0 }
    }

    /// The beginning of a message in an entry of a topic.
    pub const fn message(ledger: u64, entry: u64, index: u32) -> Self {
        Position { source: 0, file: ledger, offset: entry, part: (index as u64) << 32 }
    }

    /// The same place in the log of another source.
    pub const fn of(self, source: u8) -> Self {
        Position { source, ..self }
    }

    /// The place `offset` further on in the same file.
    pub fn plus(self, offset: u64) -> Self {
        Position { offset: self.offset + offset, ..self }
    }

    /// The place so many bytes further on in the same message.
    pub fn within(self, bytes: u32) -> Self {
        Position { part: self.part + u64::from(bytes), ..self }
    }
}

fn is_first(source: &u8) -> bool {
    *source == 0
}

fn is_zero(part: &u64) -> bool {
    *part == 0
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)?;
        match (self.part >> 32, self.part as u32) {
            (0, 0) => Ok(()),
            (index, 0) => write!(f, ":{index}"),
            (index, byte) => write!(f, ":{index}+{byte}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_without_a_part_is_read_and_written() {
        let old: Position = serde_json::from_str(r#"{"file":3,"offset":17}"#).unwrap();
        assert_eq!(old, Position::at(3, 17));
        assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"file":3,"offset":17}"#);
        let message = Position::message(9, 4, 2).within(33);
        for place in [message, message.of(2)] {
            assert_eq!(serde_json::from_str::<Position>(&serde_json::to_string(&place).unwrap()).unwrap(), place);
        }
    }

    #[test]
    fn places_are_in_the_order_of_the_log_and_show_only_what_they_have() {
        let places = [
            (Position::at(1, 900), "1:900"),
            (Position::at(2, 0), "2:0"),
            (Position::message(2, 0, 0).within(5), "2:0:0+5"),
            (Position::message(2, 0, 1), "2:0:1"),
            (Position::message(2, 0, 1).within(70), "2:0:1+70"),
            (Position::at(2, 1), "2:1"),
        ];
        assert!(places.is_sorted_by(|a, b| a.0 < b.0));
        for (place, text) in places {
            assert_eq!(place.to_string(), text);
        }
    }
}
