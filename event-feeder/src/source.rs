//! A source: one partition's log, handed out as blocks of whole records.
//!
//! Reading and decoding are two stages so that one thread reads in order while several decode: a [`Block`] holds raw
//! records and their place in the log, and a [`crate::Decoder`] turns it into a [`crate::Batch`] without any I/O.
//!
//! # Contract
//!
//! 1. Blocks come in log order and do not overlap; every record is in exactly one of them.
//! 2. A source opened after the `end` of a block hands out exactly the records behind it, however they are cut then.
//! 3. A record is handed out once it is complete; a file that may still grow keeps its unfinished last line back.
//! 4. An error repeats: the source never skips what it could not read.
//! 5. A connection that is lost is no error: the source builds it anew, for as long as it takes, and meanwhile is idle and
//!    not drained.

use crate::file::FileTable;
use crate::{Error, Gap, Notice, Position};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use timeline_core::Time;

/// A log of records that is read in order.
pub trait Source: Send {
    /// The next block, without waiting for records that do not exist yet.
    fn next(&mut self) -> Result<Next, Error>;

    /// The place up to which complete records exist now.
    ///
    /// It is the end of the last such record, so that it is reached as soon as a block's `end` is not before it;
    /// [`Position::START`] (or where the source was opened) if there is none. Never waits: where it has to be asked for,
    /// the target is known later.
    fn caught_up_target(&mut self) -> Result<Target, Error>;

    /// The files that make up the log so far; a checkpoint keeps them beside the position. Empty for a stream.
    fn files(&self) -> &FileTable;

    /// What was set aside since the last call.
    fn notices(&mut self) -> Vec<Notice>;

    /// Takes back the memory of a batch that is done with ([`crate::Batch::bytes`]), so that the next block costs no new pages.
    fn recycle(&mut self, bytes: Vec<u8>);

    /// Says that no record before the position is needed any more: the oldest checkpoint that is kept is true for it.
    ///
    /// A log that keeps records for its readers lets go of them; it never lets go of any behind the position.
    fn committed(&mut self, position: Position) {
        let _ = position;
    }
}

/// What a source has to say.
#[derive(Debug)]
pub enum Next {
    /// Records.
    Block(Block),
    /// Records that are missing here, which was accepted. What was read ends where it begins; reading goes on where it ends.
    Gap(Gap),
    /// No complete record is there now, but some may come.
    Idle {
        /// Whether the log is known to hold no more: it was asked, and has not been out of reach since.
        drained: bool,
    },
    /// The log has ended.
    End,
}

/// Whole records of one file, in log order.
#[derive(Debug)]
pub struct Block {
    /// The records.
    pub payload: Payload,
    /// Where the first record begins.
    pub start: Position,
    /// Where the last record ends.
    pub end: Position,
    /// Name of the file, stream or topic.
    pub origin: Arc<str>,
    /// Where the messages stand that lines were put together from, in ascending order, the first at 0; empty where the
    /// records follow one another from `start` on.
    pub marks: Vec<Mark>,
}

/// Where a message of a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its first byte in the block.
    pub at: u32,
    /// Its place in the log.
    pub position: Position,
    /// When the log received it.
    pub received: Option<Time>,
}

/// Up to where complete records existed when it was asked for.
#[derive(Debug)]
pub enum Target {
    /// There.
    At(Position),
    /// It comes when the log has been asked; never if the source ends before.
    Asked(Receiver<Position>),
}

impl Target {
    /// Whether everything before a position being read is enough.
    pub fn reached(&mut self, position: Position) -> bool {
        if let Target::Asked(answer) = self {
            match answer.try_recv() {
                Ok(target) => *self = Target::At(target),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return false,
            }
        }
        matches!(self, Target::At(target) if *target <= position)
    }
}

/// Raw records.
#[derive(Debug)]
pub enum Payload {
    /// Lines of JSON; the last one may lack its newline.
    Lines(Vec<u8>),
    /// CSV records (RFC 4180) without the header; the last one may lack its line end.
    Csv {
        /// The names of the columns.
        header: Arc<[String]>,
        /// The records.
        bytes: Vec<u8>,
    },
    /// Rows of a Parquet file; at least the columns that were asked for.
    Rows(RecordBatch),
    /// One record that is too long to be held; its first bytes.
    TooLong(Vec<u8>),
}
