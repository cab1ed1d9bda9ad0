//! What a record holds in the fields that are read, before it is known what for.
//!
//! Every format's reader captures a record into one [`Cell`] per field; [`super::assemble`] makes events of cells.
//! So the formats differ only in how they find the text of a value, and the meaning of values stands in one place.

use std::ops::Range;

/// What kind of value was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
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
    /// An object, an array, or bytes.
    Composite,
}

/// One captured value: its kind, and the place of its text in the [`Arena`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) at: u32,
    pub(crate) len: u32,
    pub(crate) kind: Kind,
}

impl Cell {
    pub(crate) fn new(kind: Kind, range: Range<usize>) -> Self {
        Cell { at: range.start as u32, len: (range.end - range.start) as u32, kind }
    }

    pub(crate) fn of(kind: Kind) -> Self {
        Cell { at: 0, len: 0, kind }
    }
}

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
    pub(crate) fn text(&self, cell: Cell) -> &[u8] {
        let at = cell.at as usize;
        match at.checked_sub(self.block.len()) {
            None => &self.block[at..at + cell.len as usize],
            Some(at) => &self.extra[at..at + cell.len as usize],
        }
    }

    /// Adds a text and says where it stands.
    pub(crate) fn push(&mut self, text: &[u8]) -> Range<usize> {
        let at = self.block.len() + self.extra.len();
        self.extra.extend_from_slice(text);
        at..at + text.len()
    }
}
