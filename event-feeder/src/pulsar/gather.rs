//! Blocks out of messages.
//!
//! **Invariant:** what is handed out begins where the last one ended and ends where an entry ends; no message is in two
//! blocks, whatever comes again.

use crate::{Block, Mark, MessageKey, Payload, Position};
use std::sync::Arc;
use timeline_core::Time;

/// A message as the broker delivered it.
#[derive(Clone, Debug)]
pub(super) struct BrokerMessage {
    pub(super) ledger: u64,
    pub(super) entry: u64,
    /// Its index in the entry, and how many the entry has.
    pub(super) index: u32,
    pub(super) count: u32,
    /// When the broker's log received it, as its producer's library says.
    pub(super) published: Option<Time>,
    pub(super) key: MessageKey,
    pub(super) data: Vec<u8>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is part of the next block.
    Taken,
    /// It has been there before.
    Repeated,
}

/// Messages on their way to a block.
#[derive(Debug)]
pub(super) struct BlockAssembler {
    origin: Arc<str>,
    /// Everything before it is in this block or an earlier one.
    at: Position,
    /// Where this block begins.
    start: Position,
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    /// How much of them is whole entries.
    whole: (usize, usize),
    /// Entries that were delivered and could not be unpacked; where they stand is known when the next one comes.
    unreadable: Vec<String>,
}

impl BlockAssembler {
    pub(super) fn new(origin: Arc<str>, at: Position) -> Self {
        debug_assert_eq!(at.part, 0, "a topic is read from the beginning of an entry");
        BlockAssembler { origin, at, start: at, bytes: vec![], marks: vec![], whole: (0, 0), unreadable: vec![] }
    }

    /// Everything before it has been taken.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is a whole entry to hand out.
    pub(super) fn is_ready(&self) -> bool {
        self.whole.1 > 0
    }

    /// Whether nothing can be missing between what was taken and an entry: entries of a ledger have no holes.
    pub(super) fn is_followed_by(&self, entry: Position) -> bool {
        let between = entry.offset.checked_sub(self.at.offset).filter(|_| entry.file == self.at.file);
        let begun =
            self.marks[self.whole.1..].last().map(|mark| Position::at(mark.position.file, mark.position.offset));
        entry < self.at || begun == Some(entry) || between == Some(self.unreadable.len() as u64)
    }

    /// Goes on from a position further on, when all before was handed out.
    pub(super) fn jump(&mut self, to: Position) {
        debug_assert!(!self.is_ready() && to >= self.at, "nothing waits, and nothing comes again");
        self.cut();
        self.unreadable.clear();
        self.at = to;
        self.start = to;
    }

    /// Notes that an entry came that cannot be unpacked.
    pub(super) fn add_unreadable(&mut self, reason: &str) {
        self.cut();
        self.unreadable.push(reason.split_whitespace().collect::<Vec<_>>().join(" "));
    }

    /// Places such entries where the topic ends with them: it has delivered all that is before `end`.
    pub(super) fn end_with_unreadable(&mut self, end: Position) {
        let count = self.unreadable.len() as u64;
        let fits = if end.file == self.at.file {
            end.offset.checked_sub(self.at.offset) == Some(count)
        } else {
            end.offset <= count
        };
        if count > 0 && fits {
            self.place_unreadable(end);
        }
    }

    /// Makes a line of each such entry that no decoder takes for a record, so that it becomes a dead letter in its place:
    /// they stand right before the entry that came next.
    fn place_unreadable(&mut self, next: Position) {
        let reasons = std::mem::take(&mut self.unreadable);
        for (back, reason) in (1..=reasons.len() as u64).rev().zip(reasons) {
            let place = match next.offset.checked_sub(back) {
                Some(entry) => Position::at(next.file, entry),
                // It was the last of an earlier ledger.
                None if self.at.file < next.file => self.at,
                None => continue,
            };
            if place < self.at {
                continue;
            }
            let at = u32::try_from(self.bytes.len()).expect("a block is far smaller than 4 GiB");
            self.marks.push(Mark { at, position: place, received: None, key: None });
            self.bytes.extend_from_slice(format!("a message that cannot be unpacked: {reason}\n").as_bytes());
            self.at = place.plus(1);
            self.whole = (self.bytes.len(), self.marks.len());
        }
    }

    /// Adds a message that comes next, or again.
    pub(super) fn add(&mut self, message: &BrokerMessage) -> Added {
        let position = Position::message(message.ledger, message.entry, message.index);
        if position < self.at {
            self.unreadable.clear();
            return Added::Repeated;
        }
        self.place_unreadable(Position::at(message.ledger, message.entry));
        let last = self.marks[self.whole.1..].last().map(|mark| mark.position);
        if last.is_some_and(|last| position <= last) {
            // The entry comes again from its beginning.
            self.cut();
        }
        let at = u32::try_from(self.bytes.len()).expect("a block is far smaller than 4 GiB");
        self.marks.push(Mark { at, position, received: message.published, key: Some(message.key) });
        self.bytes.extend_from_slice(&message.data);
        if message.data.last() != Some(&b'\n') {
            self.bytes.push(b'\n');
        }
        if message.index + 1 >= message.count {
            self.at = Position::at(message.ledger, message.entry + 1);
            self.whole = (self.bytes.len(), self.marks.len());
        }
        Added::Taken
    }

    /// Lets go of an entry that came only in part.
    pub(super) fn cut(&mut self) {
        self.bytes.truncate(self.whole.0);
        self.marks.truncate(self.whole.1);
    }

    /// Hands out all whole entries; `spare` is memory for the next block.
    pub(super) fn take(&mut self, spare: Vec<u8>) -> Block {
        let (bytes, marks) = self.whole;
        let mut rest = spare;
        rest.clear();
        rest.extend_from_slice(&self.bytes[bytes..]);
        let next_marks = self.marks[marks..].iter().map(|mark| Mark { at: mark.at - bytes as u32, ..*mark }).collect();
        self.bytes.truncate(bytes);
        self.marks.truncate(marks);
        self.whole = (0, 0);
        let start = std::mem::replace(&mut self.start, self.at);
        Block {
            payload: Payload::Lines(std::mem::replace(&mut self.bytes, rest)),
            start,
            end: self.at,
            origin: self.origin.clone(),
            marks: std::mem::replace(&mut self.marks, next_marks),
            preceding: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(ledger: u64, entry: u64, (index, count): (u32, u32), data: &str) -> BrokerMessage {
        BrokerMessage {
            ledger,
            entry,
            index,
            count,
            published: Some(entry as Time),
            key: MessageKey::of(b"k"),
            data: data.into(),
        }
    }

    fn gather(at: Position) -> BlockAssembler {
        BlockAssembler::new("t".into(), at)
    }

    fn text(block: &Block) -> &str {
        let Payload::Lines(bytes) = &block.payload else { panic!("messages are lines") };
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_block_ends_where_an_entry_does() {
        let mut gather = gather(Position::START);
        assert_eq!(gather.add(&message(5, 0, (0, 1), "a")), Added::Taken);
        assert_eq!(gather.add(&message(5, 1, (0, 2), "b\n")), Added::Taken);
        let block = gather.take(vec![]);
        assert_eq!((text(&block), block.start, block.end), ("a\n", Position::START, Position::at(5, 1)));
        assert!(!gather.is_ready());
        assert_eq!(gather.add(&message(5, 1, (1, 2), "c\nd")), Added::Taken);
        let block = gather.take(vec![1, 2, 3]);
        assert_eq!((text(&block), block.start, block.end), ("b\nc\nd\n", Position::at(5, 1), Position::at(5, 2)));
        let marks: Vec<_> =
            block.marks.iter().map(|mark| (mark.at, mark.position.to_string(), mark.received)).collect();
        assert_eq!(marks, [(0, "5:1".to_owned(), Some(1)), (2, "5:1:1".to_owned(), Some(1))]);
    }

    #[test]
    fn what_comes_again_is_not_taken_again() {
        let mut gather = gather(Position::at(5, 2));
        for entry in 0..2 {
            assert_eq!(gather.add(&message(5, entry, (0, 1), "old")), Added::Repeated);
        }
        assert_eq!(gather.add(&message(5, 2, (0, 1), "a")), Added::Taken);
        assert_eq!(gather.add(&message(5, 2, (0, 1), "a")), Added::Repeated);
        assert_eq!(gather.add(&message(4, 9, (0, 1), "old")), Added::Repeated);
        assert_eq!(gather.add(&message(6, 0, (0, 1), "b")), Added::Taken);
        assert_eq!(text(&gather.take(vec![])), "a\nb\n");
        assert_eq!(gather.add(&message(6, 0, (0, 1), "b")), Added::Repeated);
        assert!(!gather.is_ready());
    }

    #[test]
    fn a_batch_that_was_cut_off_is_taken_from_its_beginning() {
        let mut gather = gather(Position::START);
        for (i, again) in [(0, false), (1, false), (0, true), (1, false), (2, false)] {
            let added = gather.add(&message(1, 0, (i, 3), ["a", "b", "c"][i as usize]));
            assert_eq!(added, Added::Taken, "{i} {again}");
        }
        assert_eq!(text(&gather.take(vec![])), "a\nb\nc\n");
        gather.add(&message(1, 1, (0, 2), "d"));
        gather.cut();
        assert!(!gather.is_ready());
        assert_eq!(gather.at(), Position::at(1, 1));
    }

    #[test]
    fn what_cannot_be_unpacked_becomes_a_line_in_its_place() {
        let mut gather = gather(Position::START);
        gather.add(&message(5, 0, (0, 1), "a"));
        gather.add_unreadable("bad\nzip");
        assert_eq!(gather.add(&message(5, 2, (0, 1), "b")), Added::Taken);
        let block = gather.take(vec![]);
        assert_eq!(text(&block), "a\na message that cannot be unpacked: bad zip\nb\n");
        assert_eq!(block.marks[1].position, Position::at(5, 1));
        assert_eq!(block.end, Position::at(5, 3));
        // All of it comes again.
        gather.add(&message(5, 0, (0, 1), "a"));
        gather.add_unreadable("bad zip");
        gather.add(&message(5, 2, (0, 1), "b"));
        gather.add_unreadable("bad zip");
        gather.add(&message(6, 0, (0, 1), "c"));
        let block = gather.take(vec![]);
        assert_eq!(block.marks[0].position, Position::at(5, 3), "the last of its ledger");
        assert_eq!((block.marks.len(), block.end), (2, Position::at(6, 1)));
    }

    #[test]
    fn what_cannot_be_unpacked_may_be_the_last() {
        let mut gather = gather(Position::at(5, 1));
        gather.end_with_unreadable(Position::at(5, 1));
        assert!(!gather.is_ready(), "there is none");
        gather.add_unreadable("bad zip");
        gather.end_with_unreadable(Position::at(5, 3));
        assert!(!gather.is_ready(), "one of the two is still to come");
        gather.end_with_unreadable(Position::at(5, 2));
        assert_eq!(gather.take(vec![]).end, Position::at(5, 2));
        gather.add_unreadable("bad zip");
        gather.end_with_unreadable(Position::at(7, 1));
        let block = gather.take(vec![]);
        assert_eq!((block.marks[0].position, block.end), (Position::at(7, 0), Position::at(7, 1)));
    }

    #[test]
    fn only_the_next_entry_of_a_ledger_certainly_follows() {
        let mut gather = gather(Position::at(5, 2));
        for (entry, follows) in [((5, 1), true), ((5, 2), true), ((5, 3), false), ((8, 0), false), ((4, 9), true)] {
            assert_eq!(gather.is_followed_by(Position::at(entry.0, entry.1)), follows, "{entry:?}");
        }
        gather.add(&message(5, 2, (0, 1), "a"));
        gather.add(&message(8, 0, (0, 2), "b"));
        assert!(gather.is_followed_by(Position::at(8, 0)), "the rest of it");
        gather.add(&message(8, 0, (1, 2), "c"));
        gather.add_unreadable("bad zip");
        assert!(gather.is_followed_by(Position::at(8, 2)) && !gather.is_followed_by(Position::at(8, 1)));
    }

    #[test]
    fn an_accepted_gap_is_between_two_blocks() {
        let mut gather = gather(Position::START);
        gather.add(&message(5, 0, (0, 1), "a"));
        gather.take(vec![]);
        gather.jump(Position::at(7, 0));
        assert_eq!(gather.add(&message(5, 1, (0, 1), "b")), Added::Repeated);
        gather.add(&message(7, 0, (0, 1), "c"));
        let block = gather.take(vec![]);
        assert_eq!((text(&block), block.start, block.end), ("c\n", Position::at(7, 0), Position::at(7, 1)));
    }
}
