//! Where a record stands in the log of a partition.
//!
//! **Invariant:** of two records of one log, the later one has the greater position; a position never depends on how
//! the log was cut into blocks or on when it was read.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A place between two records of a log: everything before it has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The file's ordinal in the log, from 0; always 0 for a stream.
    pub file: u32,
    /// Bytes from the beginning of the file or stream; rows for Parquet.
    pub offset: u64,
}

impl Position {
    /// The beginning of every log.
    pub const START: Position = Position { file: 0, offset: 0 };

    /// The place `offset` further on in the same file.
    pub fn plus(self, offset: u64) -> Self {
        Position { file: self.file, offset: self.offset + offset }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}
