//! Lines of JSON: most by the quick way ([`super::walk`]), any other by the library ([`super::json`]).
//!
//! The index is made for a piece of the block at a time, so that it and the piece stay in the processor's nearest caches.

use super::assemble::{Assembler, RecordOrigin};
use super::cell::{Arena, CapturedCell};
use super::fields::MemberTree;
use super::index::index;
use super::names::NameTable;
use super::shape::PrefixGraph;
use super::time::Bad;
use super::walk::Walk;
use super::{excerpt, json, too_long};
use crate::RecordCode;
use crate::cutter::{RECORD_MAX, is_too_long};
use crate::format::BOM;

/// How many bytes are indexed at a time, unless a line is longer.
const PIECE: usize = 16 << 10;

/// What is needed for lines.
#[derive(Clone, Debug)]
pub(crate) struct LineDecoder {
    members: MemberTree,
    /// The quick way, if there is one.
    names: Option<NameTable>,
    shape: PrefixGraph,
    places: Vec<u32>,
}

/// What is known of the bytes of a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PieceEncoding {
    Utf8,
    /// Some line is not UTF-8.
    Mixed,
}

impl LineDecoder {
    pub(crate) fn new(members: MemberTree, fields: usize) -> Self {
        let names = NameTable::new(&members, fields);
        LineDecoder { members, names, shape: PrefixGraph::new(), places: vec![] }
    }

    /// Leaves every line to the library.
    #[cfg(test)]
    pub(crate) fn give_up(&mut self) {
        self.names = None;
    }

    /// Adds every line of the block that is not blank.
    pub(crate) fn records(&mut self, out: &mut Assembler<'_>, arena: &mut Arena<'_>, cells: &mut [CapturedCell]) {
        let block = arena.block;
        let mut places = std::mem::take(&mut self.places);
        let mut start = if out.batch.start.offset == 0 && out.batch.marks.is_empty() && block.starts_with(BOM) {
            BOM.len()
        } else {
            0
        };
        let mut length = PIECE;
        while start < block.len() {
            let to = block.len().min(start + length);
            places.clear();
            let ascii = index(block, start, to, &mut places);
            // Behind the last line feed of the piece; the line that it cuts is indexed again with the next piece.
            let end = places.iter().rposition(|place| block[*place as usize] == b'\n');
            let Some(last) = end else {
                if to == block.len() {
                    self.line(out, arena, cells, &block[start..], start);
                    break;
                }
                length *= 2;
                continue;
            };
            places.truncate(last + 1);
            let end = places[last] as usize + 1;
            let encoding = match ascii || std::str::from_utf8(&block[start..end]).is_ok() {
                true => PieceEncoding::Utf8,
                false => PieceEncoding::Mixed,
            };
            self.piece(out, arena, cells, start, &places, encoding);
            (start, length) = (end, PIECE);
        }
        self.places = places;
    }

    /// Adds the lines of a piece: all that have a line feed in the index.
    fn piece(
        &mut self,
        out: &mut Assembler<'_>,
        arena: &mut Arena<'_>,
        cells: &mut [CapturedCell],
        mut start: usize,
        places: &[u32],
        encoding: PieceEncoding,
    ) {
        let block = arena.block;
        let mut next = 0;
        while next < places.len() {
            let mut walk = Walk { block, places, next };
            cells.fill(CapturedCell::default());
            let walked = self.names.as_ref().and_then(|names| walk.line(start, names, &mut self.shape, cells));
            let usual = walked.filter(|end| {
                let line = &block[start..*end];
                line.len() <= RECORD_MAX && (encoding == PieceEncoding::Utf8 || std::str::from_utf8(line).is_ok())
            });
            match usual {
                Some(end) => {
                    let place = RecordOrigin { ordinal: start as u32, excerpt: &|| excerpt(&block[start..end]) };
                    out.record(arena, cells, place);
                    (start, next) = (end + 1, walk.next);
                }
                None => {
                    while block[places[next] as usize] != b'\n' {
                        next += 1;
                    }
                    let end = places[next] as usize;
                    self.line(out, arena, cells, &block[start..end], start);
                    (start, next) = (end + 1, next + 1);
                }
            }
        }
    }

    /// Adds one line by the way that takes every line.
    #[inline(never)]
    fn line(&self, out: &mut Assembler<'_>, arena: &mut Arena<'_>, cells: &mut [CapturedCell], line: &[u8], at: usize) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let place = RecordOrigin { ordinal: at as u32, excerpt: &|| excerpt(line) };
        cells.fill(CapturedCell::default());
        match self.capture(arena, cells, line, at) {
            Ok(()) => out.record(arena, cells, place),
            Err(bad) => {
                out.batch.records += 1;
                out.dead(place, None, bad);
            }
        }
    }

    fn capture(&self, arena: &mut Arena<'_>, cells: &mut [CapturedCell], line: &[u8], at: usize) -> Result<(), Bad> {
        if is_too_long(line, RECORD_MAX) {
            return Err(too_long());
        }
        let text = std::str::from_utf8(line).map_err(|_| (RecordCode::InvalidUtf8, "not UTF-8".into()))?;
        json::capture(text, at, &self.members, arena, cells)
            .map_err(|error| (RecordCode::Malformed, format!("not a JSON object: {error}").into()))
    }
}
