//! A session's state: a fixed row of words and, for what has no fixed size, a heap.

use super::layout::RowLayout;
use crate::Time;
use std::collections::VecDeque;

/// The word of an absent value. No present one has it: texts and truth values are small, floats are never `-0.0`,
/// and an `int` column does not hold the least 64-bit integer.
pub const ABSENT: u64 = 1 << 63;
/// An instant that never was or will be.
pub(crate) const NEVER: Time = Time::MAX;
/// "Not running", where a start is kept.
pub(crate) const NOT_SINCE: Time = Time::MIN;
/// Pending columns of a new session: everything is computed.
pub(crate) const FRESH: u64 = u64::MAX;

/// The two bits of the row itself, before those of the truth values.
const ENDING: u64 = 1;
const PARTIAL: u64 = 2;

const ORIGIN: usize = 0;
const NOW: usize = 1;
const PENDING: usize = 2;
const DEADLINE: usize = 3;

/// A truth value in two bits.
pub(crate) mod truth {
    pub(crate) const FALSE: u64 = 0;
    pub(crate) const TRUE: u64 = 1;
    pub(crate) const ABSENT: u64 = 2;
}

/// What has no fixed size; empty until it is needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heap(pub(crate) Option<Box<[HeapCell]>>);

/// The heap part of one node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HeapCell {
    /// Entries of a split beyond those in the row, or the places of events in their instant.
    pub entries: Vec<u64>,
    /// Pieces of a windowed number, oldest first; or events that wait or are counted, as how many there were at a time.
    pub pieces: VecDeque<CumulativePiece>,
}

/// A linear piece of a cumulative number, from `start` on until the next one.
///
/// Value and slope are integers, or the bits of floats where the number is one of floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CumulativePiece {
    pub start: Time,
    pub value: i64,
    /// What a value that is a float lacks; 0 where it is an integer.
    pub rest: i64,
    pub slope: i64,
    /// The entry of the split that it is charged to; 0 where there is no split.
    pub entry: u32,
}

impl Heap {
    pub(crate) fn cell(&self, cell: usize) -> Option<&HeapCell> {
        self.0.as_ref().map(|cells| &cells[cell])
    }

    /// The cell, if the session has any.
    pub(crate) fn cell_if_any(&mut self, cell: usize) -> Option<&mut HeapCell> {
        self.0.as_mut().map(|cells| &mut cells[cell])
    }

    pub(crate) fn cell_mut(&mut self, layout: &RowLayout, cell: usize) -> &mut HeapCell {
        &mut self.0.get_or_insert_with(|| vec![HeapCell::default(); layout.cells].into())[cell]
    }

    /// Bytes outside of the row, roughly.
    pub fn bytes(&self) -> usize {
        let cell = |c: &HeapCell| {
            size_of::<HeapCell>() + c.entries.capacity() * 8 + c.pieces.capacity() * size_of::<CumulativePiece>()
        };
        self.0.as_ref().map_or(0, |cells| cells.iter().map(cell).sum())
    }
}

/// A session's words with their heap.
#[derive(Debug)]
pub struct Row<'a> {
    /// As many words as the layout says.
    pub words: &'a mut [u64],
    /// The rest.
    pub heap: &'a mut Heap,
}

/// Whether the session of a row's words may have begun before anything was seen of it.
pub fn is_partial(words: &[u64]) -> bool {
    words[super::layout::HEADER_WORDS] & PARTIAL != 0
}

impl Row<'_> {
    /// The instant of the session's first event.
    pub fn origin(&self) -> Time {
        self.words[ORIGIN] as Time
    }

    /// The instant that the row speaks of: that of its last event, unless it was advanced further.
    pub fn now(&self) -> Time {
        self.words[NOW] as Time
    }

    /// Whether the session's end event has come; it ends after that instant.
    pub fn is_ending(&self) -> bool {
        self.words[super::layout::HEADER_WORDS] & ENDING != 0
    }

    /// Whether the session may have begun before anything was seen of it.
    pub fn is_partial(&self) -> bool {
        is_partial(self.words)
    }

    /// Says that nobody knows when the session began; it stays so until the row is begun anew.
    pub fn set_partial(&mut self) {
        self.words[super::layout::HEADER_WORDS] |= PARTIAL;
    }

    pub(crate) fn set_ending(&mut self) {
        self.words[super::layout::HEADER_WORDS] |= ENDING;
    }

    pub(crate) fn set_origin(&mut self, at: Time) {
        self.words[ORIGIN] = at as u64;
    }

    pub(crate) fn set_now(&mut self, at: Time) {
        self.words[NOW] = at as u64;
    }

    /// What of the row's instant is not evaluated yet; 0 where all is.
    pub fn pending(&self) -> u64 {
        self.words[PENDING]
    }

    pub(crate) fn set_pending(&mut self, columns: u64) {
        self.words[PENDING] = columns;
    }

    pub(crate) fn deadline(&self) -> Time {
        self.words[DEADLINE] as Time
    }

    pub(crate) fn set_deadline(&mut self, at: Time) {
        self.words[DEADLINE] = at as u64;
    }
}
