//! A session's state as bytes that mean the same in every evaluator of the same layout.
//!
//! The words go as they are, little-endian, but for those that hold the number of a text: there stands the number that
//! `texts` gave for it, so that a segment can carry its own texts. The heap follows its presence byte:
//! for each cell the count and words of its entries, then the count and words of its pieces.
//!
//! **Invariant:** `decode(encode(row)) == row`, and bytes that are no row are an error, never a panic.

use super::layout::RowLayout;
use super::row::{ABSENT, CumulativePiece, Heap, HeapCell, Row};

/// Why bytes are no row of this layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fewer or more bytes than a row has.
    #[error("a session's row has another length than its layout says")]
    Length,
    /// A text number that the segment does not have.
    #[error("a session's row refers to a text that is not there")]
    Text,
}

/// Calls `f` with every word of the row that holds the number of a text.
pub fn for_each_text(layout: &RowLayout, row: &mut Row<'_>, mut f: impl FnMut(&mut u64)) {
    for at in &layout.texts {
        if row.words[*at] != ABSENT {
            f(&mut row.words[*at]);
        }
    }
    if let Some(cells) = &mut row.heap.0 {
        for (cell, (entry_words, texts)) in cells.iter_mut().zip(&layout.cell_texts) {
            for entry in cell.entries.chunks_mut(*entry_words) {
                for text in texts {
                    if entry[*text] != ABSENT {
                        f(&mut entry[*text]);
                    }
                }
            }
        }
    }
}

/// Appends the row's heap to `out`; its words are written by the caller, who has them at hand. Texts were renumbered before.
pub fn encode_heap(layout: &RowLayout, heap: &Heap, out: &mut Vec<u8>) {
    let Some(cells) = &heap.0 else { return };
    let mut put = |word: u64| out.extend_from_slice(&word.to_le_bytes());
    for (cell, of_floats) in cells.iter().zip(&layout.cell_floats) {
        put(cell.entries.len() as u64);
        cell.entries.iter().for_each(|word| put(*word));
        put(cell.pieces.len() as u64);
        for piece in &cell.pieces {
            for word in [piece.start as u64, piece.value as u64, piece.slope as u64, u64::from(piece.entry)] {
                put(word);
            }
            if *of_floats {
                put(piece.rest as u64);
            }
        }
    }
}

/// The heap of these bytes; no bytes are an empty one.
pub fn decode_heap(layout: &RowLayout, bytes: &[u8]) -> Result<Heap, Error> {
    if bytes.is_empty() {
        return Ok(Heap::default());
    }
    let mut words = Words(bytes);
    let mut cells = Vec::with_capacity(layout.cells);
    for ((entry_words, _), of_floats) in layout.cell_texts.iter().zip(&layout.cell_floats) {
        let mut cell = HeapCell::default();
        let count = words.count(1)?;
        if count % entry_words != 0 {
            return Err(Error::Length);
        }
        for _ in 0..count {
            cell.entries.push(words.next()?);
        }
        for _ in 0..words.count(if *of_floats { 5 } else { 4 })? {
            let (start, value, slope) = (words.next()? as i64, words.next()? as i64, words.next()? as i64);
            let entry = u32::try_from(words.next()?).map_err(|_| Error::Length)?;
            let rest = if *of_floats { words.next()? as i64 } else { 0 };
            cell.pieces.push_back(CumulativePiece { start, value, rest, slope, entry });
        }
        cells.push(cell);
    }
    if !words.0.is_empty() {
        return Err(Error::Length);
    }
    Ok(Heap(Some(cells.into())))
}

/// Renumbers the texts of a row that was read: `texts[n]` is the evaluator's number of the segment's text `n`.
pub fn renumber(layout: &RowLayout, row: &mut Row<'_>, texts: &[u32]) -> Result<(), Error> {
    let mut result = Ok(());
    for_each_text(layout, row, |word| match usize::try_from(*word).ok().and_then(|n| texts.get(n)) {
        Some(id) => *word = u64::from(*id),
        None => result = Err(Error::Text),
    });
    result
}

struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Result<u64, Error> {
        let (word, rest) = self.0.split_first_chunk::<8>().ok_or(Error::Length)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*word))
    }

    /// A count of items of that many words, of which as many bytes are really there.
    fn count(&mut self, words: usize) -> Result<usize, Error> {
        let count = usize::try_from(self.next()?).map_err(|_| Error::Length)?;
        if count > self.0.len() / (8 * words) { Err(Error::Length) } else { Ok(count) }
    }
}
