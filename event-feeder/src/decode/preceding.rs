//! What precedes each block of a log: the time of the record before it in its file or partition.
//!
//! A local time that a change of the clocks makes twice is decided by the record before it (`form`), and blocks are decoded
//! apart and in any order. So who reads them in order tells each what precedes it, and for that reads the last records of
//! each block once more; all of a block only where these do not decide it, as in the hour that comes twice. Of sources whose
//! times do not depend on others nothing is read.
//!
//! **Invariant:** what a block is told depends on the log alone, not on how it was cut into blocks, and not on where reading
//! went on, if it goes on with [`Preceding::last`] of that place.

use super::{Decoder, LastTime};
use crate::{Block, Position};
use timeline_core::Time;
use timeline_core::plan::{Plan, TimeUnit};

/// How much of a block's end is read at first, in bytes.
const TAIL_BYTES: usize = if cfg!(test) { 64 } else { 4 << 10 };

/// The same of one that is rows.
const TAIL_ROWS: usize = if cfg!(test) { 3 } else { 64 };

/// Tells the blocks of a log what precedes them; they come to it in the order of the log, each once.
#[derive(Debug)]
pub struct Preceding {
    /// `None` where times do not depend on it.
    decoder: Option<Decoder>,
    last: Option<Time>,
    /// The file that the last record is of, in a log of files: the next one begins anew.
    file: u64,
}

impl Preceding {
    /// Of a log of one of a plan's sources, from its beginning.
    ///
    /// # Panics
    ///
    /// If the plan has no such source.
    pub fn of(plan: &Plan, source: usize) -> Self {
        let has_form = matches!(plan.source_at(source).time_unit, TimeUnit::Format(_));
        Self::with(has_form.then(|| Decoder::of(plan, source)))
    }

    /// Of a log of records that the decoder reads, if they need one, from its beginning.
    pub(crate) fn with(decoder: Option<Decoder>) -> Self {
        let decoder = decoder.filter(|decoder| decoder.fields.follows);
        Preceding { decoder, last: None, file: Position::START.file }
    }

    /// Goes on behind a place; `last` is what [`Preceding::last`] was there.
    pub fn go_on(&mut self, after: Position, last: Option<Time>) {
        (self.file, self.last) = (after.file, last);
    }

    /// The time of the last record so far, in nanoseconds; `None` where there is none, or times do not depend on it.
    pub fn last(&self) -> Option<Time> {
        self.last
    }

    /// Tells the next block what precedes it, unless its source knows.
    pub fn tell(&mut self, block: &mut Block) {
        let Some(decoder) = &mut self.decoder else { return };
        // A ledger of a topic is no file: its partition goes on.
        if block.marks.is_empty() && block.start.file != self.file {
            self.last = None;
        }
        self.file = block.start.file;
        block.preceding = block.preceding.or(self.last);
        self.last = decoder.last_time(block);
    }
}

impl Decoder {
    /// The time of the last record up to the end of a block that says what precedes it.
    fn last_time(&mut self, block: &Block) -> Option<Time> {
        let of_tail = block.tail(TAIL_BYTES, TAIL_ROWS).map(|tail| self.last_in(tail));
        match of_tail.filter(|last| last.is_certain) {
            Some(last) => last.time,
            None => self.last_in(block.clone()).time,
        }
    }

    fn last_in(&mut self, block: Block) -> LastTime {
        let batch = self.decode_all(block);
        let last = batch.last;
        self.recycle(batch);
        last
    }
}
