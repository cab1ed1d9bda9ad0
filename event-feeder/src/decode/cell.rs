//! What a record holds in the fields that are read, before it is known what for.
//!
//! Every format's reader captures a record into one [`CapturedCell`] per field; [`super::assemble`] makes events of cells.
//! So the formats differ only in how they find the text of a value, and the meaning of values stands in one place.

use crate::Slice;
use std::ops::Range;

/// What kind of value was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum CapturedKind {
    /// The field is not in the record.
    #[default]
    Missing = 0,
    /// Text, with its escapes resolved.
    Text = 1,
    /// The text of a number.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// An explicit null.
    Null,
    /// Text without a type of its own: a cell of CSV.
    Bare,
    /// Decimal nanoseconds since the epoch: a Parquet timestamp.
    Instant,
    /// Text with an escape that is no Unicode character.
    BadText,
    /// An object or an array.
    Composite,
    /// A cell of CSV with nothing in it, not even quotes: as if it were missing, unless a column says what that means.
    Empty,
    /// A value of a type of Parquet that is not read; its text is the name of the type.
    Foreign,
}

/// One captured value: its kind, and the place of its text in the [`Arena`], in one word, so that a record's cells are
/// cleared and set by whole words: from the highest bit on 32 of the place, 28 of the length, 4 of the kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CapturedCell(u64);

impl CapturedCell {
    /// The longest text that a cell can have, in bytes; longer than a record may be.
    pub(crate) const LENGTH_MAX: usize = (1 << 28) - 1;

    /// A value with a text.
    #[inline]
    pub(crate) fn new(kind: CapturedKind, range: Range<usize>) -> Self {
        debug_assert!(range.len() <= Self::LENGTH_MAX && range.end <= u32::MAX as usize);
        CapturedCell((range.start as u64) << 32 | ((range.end - range.start) as u64) << 4 | kind as u64)
    }

    /// A value without a text.
    pub(crate) fn of(kind: CapturedKind) -> Self {
        CapturedCell(kind as u64)
    }

    #[inline]
    pub(crate) fn kind(self) -> CapturedKind {
        KINDS[self.0 as usize % KINDS.len()]
    }

    /// Whether it is of that kind; cheaper than asking which it is.
    #[inline]
    pub(crate) fn is(self, kind: CapturedKind) -> bool {
        self.0 & 15 == kind as u64
    }

    /// Its text's first byte in the arena.
    #[inline]
    pub(crate) fn at(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Its text's length.
    #[inline]
    pub(crate) fn len(self) -> u32 {
        self.0 as u32 >> 4
    }

    /// Its text.
    #[inline]
    pub(crate) fn slice(self) -> Slice {
        Slice { at: self.at(), len: self.len() }
    }
}

const KINDS: [CapturedKind; 16] = {
    use CapturedKind::*;
    [
        Missing, Text, Number, True, False, Null, Bare, Instant, BadText, Composite, Empty, Foreign, Missing, Missing,
        Missing, Missing,
    ]
};

const _: () = {
    let mut i = 0;
    while i <= CapturedKind::Foreign as usize {
        assert!(KINDS[i] as usize == i, "the table is in the order of the kinds");
        i += 1;
    }
};

/// The bytes of a batch while it is made: the block, which no longer changes, and what is added behind it.
pub(crate) struct Arena<'a> {
    pub(crate) block: &'a [u8],
    pub(crate) extra: Vec<u8>,
}

impl<'a> Arena<'a> {
    pub(crate) fn new(block: &'a [u8]) -> Self {
        Arena { block, extra: vec![] }
    }

    /// The text of a cell. No text lies across the border of the two parts.
    #[inline]
    pub(crate) fn text(&self, cell: CapturedCell) -> &[u8] {
        self.bytes(cell.slice())
    }

    /// As [`Arena::text`].
    #[inline]
    pub(crate) fn bytes(&self, Slice { at, len }: Slice) -> &[u8] {
        let (at, len) = (at as usize, len as usize);
        match at.checked_sub(self.block.len()) {
            None => &self.block[at..at + len],
            Some(at) => &self.extra[at..at + len],
        }
    }

    /// Adds a text and says where it stands.
    pub(crate) fn push(&mut self, text: &[u8]) -> Range<usize> {
        let at = self.block.len() + self.extra.len();
        self.extra.extend_from_slice(text);
        at..at + text.len()
    }
}
