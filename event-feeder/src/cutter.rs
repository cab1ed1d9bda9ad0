//! Cutting a stream of bytes into blocks at record ends.
//!
//! **Invariant:** the bytes of the blocks, in order, are the bytes that were read, but for the middles of records that
//! are too long; what is not yet handed out is in `buffer`, and its first byte begins a record.

use crate::csv::CsvScanner;
use memchr::memrchr;
use std::io::{self, Read};

/// How many bytes a block has, unless a record is longer.
pub(crate) const BLOCK: usize = 1 << 20;
/// How long a record may be, in bytes.
pub(crate) const RECORD_MAX: usize = 16 << 20;
/// Room behind a block, so that decoding can add to it without moving it.
const ROOM: usize = 4096;
/// How many used buffers are kept.
const SPARE_MAX: usize = 8;

/// Whether a record, with or without its line feed, is longer than it may be.
///
/// Decoders ask it of every record; the cutter lets go only of those for which it is surely so, and which ones it still
/// hands out depends on how the bytes came.
pub(crate) fn is_too_long(record: &[u8], max: usize) -> bool {
    record.len() > max && record.strip_suffix(b"\n").unwrap_or(record).len() > max
}

/// Cuts lines, or CSV records.
#[derive(Debug)]
pub(crate) struct Cutter {
    /// `None` for lines.
    csv: Option<CsvScanner>,
    /// Read, but not handed out.
    buffer: Vec<u8>,
    /// How much of the buffer has been searched for record ends.
    searched: usize,
    /// Behind the last record end in the buffer.
    cut: usize,
    /// How much of a record that is too long has been let go; its beginning is in the buffer.
    skipped: u64,
    spare: Vec<Vec<u8>>,
    record_max: usize,
}

/// What came of reading on.
#[derive(Debug)]
pub(crate) enum CutResult {
    /// Whole records, and how many bytes of the stream they are.
    Records(Vec<u8>),
    /// The first bytes of one record that is too long, and its length in the stream.
    TooLong(Vec<u8>, u64),
    /// The stream has no more bytes now, and no complete record is left.
    Nothing,
}

impl Cutter {
    /// Cuts lines, or CSV records from where that stands.
    pub(crate) fn new(csv: Option<CsvScanner>) -> Self {
        Cutter { csv, buffer: vec![], searched: 0, cut: 0, skipped: 0, spare: vec![], record_max: RECORD_MAX }
    }

    /// How many bytes were read and not handed out.
    pub(crate) fn held(&self) -> u64 {
        self.buffer.len() as u64 + self.skipped
    }

    /// What was read and not handed out.
    pub(crate) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Gives away what was read and not handed out.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        (self.searched, self.cut) = (0, 0);
        std::mem::take(&mut self.buffer)
    }

    /// Hands out what was read and is no whole record, as if the stream ended here; to be asked when [`Cutter::next`] has
    /// nothing. Nothing comes of a record that is too long.
    pub(crate) fn take_rest(&mut self) -> Option<Vec<u8>> {
        if self.cut > 0 || self.skipped > 0 || self.buffer.is_empty() {
            return None;
        }
        match self.hand_out(self.buffer.len()) {
            CutResult::Records(bytes) => Some(bytes),
            CutResult::TooLong(..) | CutResult::Nothing => None,
        }
    }

    /// Chooses between lines and CSV records before anything was handed out.
    pub(crate) fn set_csv(&mut self, csv: Option<CsvScanner>) {
        self.csv = csv;
        (self.searched, self.cut) = (0, 0);
    }

    /// Reads until the buffer holds so many bytes or the stream has no more now.
    pub(crate) fn fill(&mut self, from: &mut dyn Read, upto: usize) -> io::Result<()> {
        while self.buffer.len() < upto && self.read(from, upto - self.buffer.len())? > 0 {}
        Ok(())
    }

    /// Reads on and hands out the next block; `finish` says that what the stream holds now is all there will be, so that
    /// an unfinished record counts as one.
    pub(crate) fn next(&mut self, from: &mut dyn Read, finish: bool) -> io::Result<CutResult> {
        loop {
            self.search();
            if self.cut > 0 && (self.buffer.len() >= BLOCK || self.skipped > 0) {
                return Ok(self.hand_out(self.cut));
            }
            if self.buffer.len() > self.record_max && self.cut == 0 {
                self.let_go();
            }
            let wanted = if self.buffer.len() < BLOCK { BLOCK - self.buffer.len() } else { BLOCK };
            if self.read(from, wanted)? == 0 {
                let end = if finish && self.skipped == 0 { self.buffer.len() } else { self.cut };
                return Ok(match end {
                    0 if finish && self.skipped > 0 => self.hand_out(self.buffer.len()),
                    0 => CutResult::Nothing,
                    end => self.hand_out(end),
                });
            }
        }
    }

    /// Takes back a used buffer.
    pub(crate) fn recycle(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE_MAX && (BLOCK..=4 * BLOCK).contains(&bytes.capacity()) {
            bytes.clear();
            self.spare.push(bytes);
        }
    }

    /// The spare buffers, for the cutter of the next file.
    pub(crate) fn take_spare(&mut self, other: &mut Cutter) {
        self.spare.append(&mut other.spare);
    }

    fn read(&mut self, from: &mut dyn Read, wanted: usize) -> io::Result<usize> {
        self.buffer.reserve(wanted.min(BLOCK) + ROOM);
        loop {
            match Read::take(&mut *from, wanted as u64).read_to_end(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn search(&mut self) {
        let from = self.searched;
        self.searched = self.buffer.len();
        match &mut self.csv {
            None => {
                if let Some(at) = memrchr(b'\n', &self.buffer[from..]) {
                    // Only the first end of a record that is too long: what follows are records of their own.
                    let at =
                        if self.skipped > 0 { memchr::memchr(b'\n', &self.buffer[from..]).unwrap_or(at) } else { at };
                    self.cut = from + at + 1;
                }
            }
            Some(scan) => {
                let mut at = from;
                while let Some(end) = scan.next_end(&self.buffer, at) {
                    (at, self.cut) = (end, end);
                    if self.skipped > 0 {
                        self.searched = end;
                        break;
                    }
                }
            }
        }
    }

    fn hand_out(&mut self, end: usize) -> CutResult {
        let mut rest = self.spare.pop().unwrap_or_default();
        rest.reserve(BLOCK + ROOM);
        rest.extend_from_slice(&self.buffer[end..]);
        self.buffer.truncate(end);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let skipped = std::mem::take(&mut self.skipped);
        if skipped > 0 {
            // The rest was not looked at, or only up to the long record's end.
            self.csv = self.csv.map(CsvScanner::anew);
            (self.searched, self.cut) = (0, 0);
            let length = bytes.len() as u64 + skipped;
            return CutResult::TooLong(bytes, length);
        }
        if end > self.cut {
            // The unfinished record that ends the stream: what follows, if anything, begins anew.
            self.csv = self.csv.map(CsvScanner::anew);
        }
        self.searched = self.searched.saturating_sub(end);
        self.cut = 0;
        CutResult::Records(bytes)
    }

    /// Keeps only the beginning of the record in the buffer.
    fn let_go(&mut self) {
        let kept = crate::DeadLetter::KEPT;
        self.skipped += (self.buffer.len() - kept) as u64;
        self.buffer.truncate(kept);
        self.searched = kept;
    }
}

#[cfg(test)]
mod tests;
