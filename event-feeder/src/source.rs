//! A source: one partition's log, handed out as blocks of whole records.
//!
//! Reading and decoding are two stages so that one thread reads in order while several decode: a [`Block`] holds raw
//! records and their place in the log, and a [`crate::Decoder`] turns it into a [`crate::Batch`] without any I/O.
//!
//! # Contract
//!
//! 1. Blocks come in log order and do not overlap; every record is in exactly one of them.
//! 2. A source opened after the `end` of a block hands out exactly the records behind it, however they are cut then.
//! 3. A record is handed out once it is complete; a file that may still grow keeps its unfinished last line back, and says so
//!    to who asks ([`Source::unended`]).
//! 4. An error repeats: the source never skips what it could not read.
//! 5. A connection that is lost is no error: the source builds it anew, for as long as it takes, and meanwhile is idle and
//!    not drained.

use crate::csv::CsvScanner;
use crate::file::FileTable;
use crate::{Error, Gap, Notice, Position, RecordCode, key_hash};
use arrow::record_batch::RecordBatch;
use memchr::memchr;
use std::num::NonZeroU64;
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

    /// What of the source as it is now the log leaves out, although it looks like a part of it: no answer is true for all of
    /// the source then.
    fn left_out(&mut self) -> Result<Vec<Notice>, Error> {
        Ok(vec![])
    }

    /// What was read at the end of the log and is no record yet, for its end is missing; it is handed out once that comes.
    fn unended(&self) -> Option<UnendedRecord> {
        None
    }

    /// Hands that out now, where it is a whole record whatever may come behind it; to be asked when there is nothing else and
    /// nobody waits for more. Where something comes all the same that belongs to it, the source stops.
    fn take_unended(&mut self) -> Result<Option<Block>, Error> {
        Ok(None)
    }

    /// The files that make up the log so far; a checkpoint keeps them beside the position. Empty for a stream.
    fn files(&self) -> &FileTable;

    /// What was set aside since the last call.
    fn notices(&mut self) -> Vec<Notice>;

    /// Takes back the memory of a batch that is done with ([`crate::Batch::bytes`]), so that the next block costs no new pages.
    fn recycle(&mut self, bytes: Vec<u8>);

    /// How many bytes of records were received and have not been handed out.
    fn queued_bytes(&self) -> u64 {
        0
    }

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
#[derive(Clone, Debug)]
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
    /// The time of the record before it in its file or partition, for sources whose times depend on that
    /// ([`crate::Preceding`]); a source says it only where it knows it without what it handed out before.
    pub preceding: Option<Time>,
}

impl Block {
    /// The first records of the block, about so many bytes, and those behind them if any are left. Entries of a topic only as
    /// a whole, since reading goes on at the beginning of one.
    pub fn cut(mut self, bytes: usize) -> (Block, Option<Block>) {
        let Some((at, position, messages)) = self.place_to_cut(bytes) else { return (self, None) };
        let payload = match &mut self.payload {
            Payload::Lines(lines) => Payload::Lines(lines.split_off(at)),
            Payload::Csv { header, delimiter, bytes } => {
                Payload::Csv { header: Arc::clone(header), delimiter: *delimiter, bytes: bytes.split_off(at) }
            }
            Payload::Rows(rows) => {
                let rest = rows.slice(at, rows.num_rows() - at);
                *rows = rows.slice(0, at);
                Payload::Rows(rest)
            }
            Payload::TooLong(_) => return (self, None),
        };
        let mut marks = self.marks.split_off(messages);
        marks.iter_mut().for_each(|mark| mark.at -= at as u32);
        let origin = Arc::clone(&self.origin);
        // What precedes the rest is in these records.
        let rest = Block { payload, start: position, end: self.end, origin, marks, preceding: None };
        self.end = position;
        (self, Some(rest))
    }

    /// The last records of the block, about so many bytes of them or as many rows as `rows` says; `None` where there are no
    /// more, or none can be told from the others.
    pub(crate) fn tail(&self, bytes: usize, rows: usize) -> Option<Block> {
        let (payload, at) = match &self.payload {
            Payload::Lines(lines) => {
                let from = lines.len().checked_sub(bytes)?;
                let at = from + memchr(b'\n', &lines[from..])? + 1;
                (Payload::Lines(lines[at..].to_vec()), at)
            }
            // Where a record begins is known from the beginning of the block only: a line may be part of a cell.
            Payload::Csv { header, delimiter, bytes: all } => {
                let from = all.len().checked_sub(bytes)?;
                let (mut scan, mut at) = (CsvScanner::new(Some(*delimiter)), 0);
                while at < from {
                    at = scan.next_end(all, at)?;
                }
                let (header, bytes) = (Arc::clone(header), all[at..].to_vec());
                (Payload::Csv { header, delimiter: *delimiter, bytes }, at)
            }
            Payload::Rows(all) => {
                let at = all.num_rows().checked_sub(rows)?;
                (Payload::Rows(all.slice(at, rows)), at)
            }
            Payload::TooLong(_) => return None,
        };
        // The message in which they begin, and those behind it.
        let first = self.marks.partition_point(|mark| mark.at as usize <= at).saturating_sub(1);
        let mut marks = self.marks[first..].to_vec();
        marks.iter_mut().for_each(|mark| mark.at = mark.at.saturating_sub(at as u32));
        let (start, origin) = (self.start.plus(at as u64), Arc::clone(&self.origin));
        Some(Block { payload, start, end: self.end, origin, marks, preceding: None })
    }

    /// Where a block is cut that has more than so many bytes: at which byte or row, which place of the log that is, and how
    /// many messages are before it.
    fn place_to_cut(&self, bytes: usize) -> Option<(usize, Position, usize)> {
        match &self.payload {
            Payload::Lines(lines) if self.marks.is_empty() => {
                let line = lines.get(bytes..)?.iter().position(|byte| *byte == b'\n')?;
                let at = bytes + line + 1;
                (at < lines.len()).then(|| (at, self.start.plus(at as u64), 0))
            }
            Payload::Lines(lines) => {
                let begins = |mark: &Mark| mark.at > 0 && mark.at as usize >= bytes && mark.position.part == 0;
                let next = self.marks.iter().position(begins)?;
                let (at, last) = (self.marks[next].at as usize, self.marks[next.saturating_sub(1)].position);
                // Behind the last entry, not before the next one: they may be of two ledgers.
                (at < lines.len()).then(|| (at, Position { offset: last.offset + 1, part: 0, ..last }, next))
            }
            // Where a record ends is known from its beginning only: a line may be part of a cell.
            Payload::Csv { delimiter, bytes: all, .. } => {
                let (mut scan, mut at) = (CsvScanner::new(Some(*delimiter)), 0);
                while at < bytes.max(1) {
                    at = scan.next_end(all, at)?;
                }
                (at < all.len()).then(|| (at, self.start.plus(at as u64), 0))
            }
            Payload::Rows(rows) => {
                // Of what the rows share with others the part that is theirs counts.
                let size = rows.columns().iter().filter_map(|column| column.to_data().get_slice_memory_size().ok());
                let size = size.sum::<usize>().max(1) as u128;
                let at = ((bytes as u128 * rows.num_rows() as u128).div_ceil(size) as usize).max(1);
                (at < rows.num_rows()).then(|| (at, self.start.plus(at as u64), 0))
            }
            Payload::TooLong(_) => None,
        }
    }
}

/// The beginning of a record that has no end yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnendedRecord {
    /// Name of the file.
    pub file: Arc<str>,
    /// Where it begins, in bytes from the file's beginning.
    pub offset: u64,
    /// How much of it is there, in bytes.
    pub bytes: u64,
}

impl UnendedRecord {
    /// What is to be said of it.
    pub fn notice(&self) -> Notice {
        let UnendedRecord { file, offset, bytes } = self;
        let detail = format!(
            "its last {bytes} bytes, from byte {offset} on, have no line feed behind them: they are not read before one comes"
        );
        Notice { code: RecordCode::Unended, file: file.to_string(), detail }
    }
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
    /// The key that its producer gave it, which decides where the log has it; `None` where that is not known.
    pub key: Option<MessageKey>,
}

/// The key of a message, as [`crate::key_hash`] of its text: what is asked of it is whether it is the key of an event.
///
/// A message without a key has the empty one, which is no event's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageKey(NonZeroU64);

impl MessageKey {
    /// The key of a text.
    pub fn of(key: &[u8]) -> Self {
        MessageKey::from_hash(key_hash(key))
    }

    /// The key whose text has that hash.
    pub fn from_hash(hash: u64) -> Self {
        // That a hash is 0 is as likely as that two keys have the same one.
        MessageKey(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN))
    }

    /// The hash.
    pub fn hash(self) -> u64 {
        self.0.get()
    }
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
#[derive(Clone, Debug)]
pub enum Payload {
    /// Lines of JSON; the last one may lack its newline.
    Lines(Vec<u8>),
    /// CSV records (RFC 4180) without the header; the last one may lack its line end.
    Csv {
        /// The names of the columns.
        header: Arc<[String]>,
        /// What stands between cells.
        delimiter: u8,
        /// The records.
        bytes: Vec<u8>,
    },
    /// Rows of a Parquet file; at least the columns that were asked for.
    Rows(RecordBatch),
    /// One record that is too long to be held; its first bytes.
    TooLong(Vec<u8>),
}

impl Payload {
    /// How many bytes of records there are; those of a Parquet file are not counted.
    pub fn bytes(&self) -> u64 {
        match self {
            Payload::Lines(bytes) | Payload::Csv { bytes, .. } | Payload::TooLong(bytes) => bytes.len() as u64,
            Payload::Rows(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Mark, Payload};
    use crate::Position;
    use arrow::record_batch::RecordBatch;
    use std::sync::Arc;

    fn lines(block: &Block) -> String {
        match &block.payload {
            Payload::Lines(lines) => String::from_utf8(lines.clone()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_block_is_cut_between_records_and_nothing_is_lost() {
        for bytes in 0..20 {
            let whole = "{\"a\":1}\n{}\n{\"b\":2}";
            let block = |text: &str| Block {
                payload: Payload::Lines(text.as_bytes().to_vec()),
                start: Position::at(0, 7),
                end: Position::at(0, 7 + text.len() as u64),
                origin: "f".into(),
                marks: vec![],
                preceding: None,
            };
            let (first, rest) = block(whole).cut(bytes);
            let Some(rest) = rest else {
                assert!(bytes >= 11, "{bytes}");
                assert_eq!((lines(&first), first.end), (whole.into(), Position::at(0, 25)));
                continue;
            };
            assert_eq!(lines(&first) + &lines(&rest), whole);
            assert!(lines(&first).ends_with('\n') && lines(&first).len() > bytes);
            assert_eq!((first.start, first.end), (Position::at(0, 7), Position::at(0, 7 + lines(&first).len() as u64)));
            assert_eq!((rest.start, rest.end), (first.end, Position::at(0, 25)));
        }
    }

    #[test]
    fn csv_is_cut_between_records_and_never_within_a_cell() {
        let whole = "a,\"1\n2\"\r\nb,\"\"\"\n\"\nc,3\nd,4";
        let ends = [9, 17, 21];
        for bytes in 0..30 {
            let header: Arc<[String]> = vec!["k".to_owned(), "v".to_owned()].into();
            let payload = Payload::Csv { header, delimiter: b',', bytes: whole.into() };
            let end = Position::at(0, 5 + whole.len() as u64);
            let (start, origin) = (Position::at(0, 5), "f".into());
            let block = Block { payload, start, end, origin, marks: vec![], preceding: None };
            let (first, rest) = block.cut(bytes);
            let text = |block: &Block| match &block.payload {
                Payload::Csv { bytes, .. } => String::from_utf8(bytes.clone()).unwrap(),
                other => panic!("{other:?}"),
            };
            let Some(rest) = rest else {
                assert!(bytes > 21 && text(&first) == whole && first.end == end, "{bytes}");
                continue;
            };
            let at = ends.into_iter().find(|at| *at >= bytes.max(1)).unwrap();
            assert_eq!((text(&first).as_str(), text(&rest).as_str()), whole.split_at(at), "{bytes}");
            assert_eq!((first.end, rest.start, rest.end), (Position::at(0, 5 + at as u64), first.end, end));
        }
    }

    #[test]
    fn rows_are_cut_by_what_they_take() {
        let column = arrow::array::StringArray::from_iter_values((0..100).map(|i| format!("{i:0100}")));
        let rows = RecordBatch::try_from_iter([("k", Arc::new(column) as _)]).unwrap();
        let payload = Payload::Rows(rows.clone());
        let (start, end) = (Position::at(1, 40), Position::at(1, 140));
        let mut rest = Some(Block { payload, start, end, origin: "f".into(), marks: vec![], preceding: None });
        let (mut at, mut pieces, mut all) = (start, 0, vec![]);
        while let Some(block) = rest {
            let (piece, more) = block.cut(1050);
            let Payload::Rows(rows) = piece.payload else { panic!() };
            assert_eq!((piece.start, piece.end), (at, at.plus(rows.num_rows() as u64)));
            assert!((1..=12).contains(&rows.num_rows()), "{}", rows.num_rows());
            (at, rest) = (piece.end, more);
            pieces += 1;
            all.push(rows);
        }
        assert!(at == end && (9..=12).contains(&pieces), "{pieces}");
        assert_eq!(arrow::compute::concat_batches(&rows.schema(), &all).unwrap(), rows);
    }

    #[test]
    fn messages_stay_whole() {
        let mark = |at, position| Mark { at, position: Position::at(0, position), received: None, key: None };
        let block = Block {
            payload: Payload::Lines(b"{}\n{}\n{}\n{}".to_vec()),
            start: Position::at(0, 5),
            end: Position::at(0, 9),
            origin: "t".into(),
            marks: vec![mark(0, 5), mark(6, 7), mark(9, 8)],
            preceding: None,
        };
        let (first, rest) = block.cut(1);
        let rest = rest.unwrap();
        assert_eq!((lines(&first).len(), first.end, first.marks.len()), (6, Position::at(0, 6), 1));
        assert_eq!((rest.start, rest.end), (Position::at(0, 6), Position::at(0, 9)));
        assert_eq!(rest.marks, vec![mark(0, 7), mark(3, 8)]);
        let (rest, none) = rest.cut(4);
        assert!(none.is_none() && rest.marks.len() == 2);
    }

    #[test]
    fn a_piece_ends_where_an_entry_does_for_nothing_is_read_from_the_middle_of_one() {
        let mark = |at, ledger, entry, index| Mark {
            at,
            position: Position::message(ledger, entry, index),
            received: None,
            key: None,
        };
        let marks = vec![
            mark(0, 3, 8, 0),
            mark(3, 3, 8, 1),
            mark(6, 3, 9, 0),
            mark(9, 3, 9, 1),
            mark(12, 3, 9, 2),
            mark(15, 4, 0, 0),
        ];
        for bytes in 0..18 {
            let block = Block {
                payload: Payload::Lines(b"{}\n{}\n{}\n{}\n{}\n{}\n".to_vec()),
                start: Position::at(3, 8),
                end: Position::at(4, 1),
                origin: "t".into(),
                marks: marks.clone(),
                preceding: None,
            };
            let (first, rest) = block.cut(bytes);
            let end = match bytes {
                0..=6 => Position::at(3, 9),
                // Of the next ledger nothing is read yet.
                7..=15 => Position::at(3, 10),
                _ => Position::at(4, 1),
            };
            assert_eq!((first.end, rest.map_or(end, |rest| rest.start)), (end, end), "{bytes}");
        }
    }
}
