//! CSV records.
//!
//! * The header names the fields; a field within objects is the column whose name is its path with dots. Of columns of
//!   one name the last one counts, as in JSON; where it is read, that is said.
//! * A cell has no type: it is what the column wants it to be. An empty cell without quotes is *missing* (CSV has no way to
//!   leave a column out), one with quotes is empty text. There is no null but the words that a column names.
//! * A record with another number of cells than the header is malformed as a whole, for its cells may have moved.

use super::assemble::{Assembler, RecordOrigin};
use super::cell::{Arena, CapturedCell, CapturedKind};
use super::fields::Fields;
use super::{excerpt, too_long};
use crate::RecordCode;
use crate::csv::{CsvScanner, split, trim_end, undouble};
use crate::cutter::{RECORD_MAX, is_too_long};
use std::sync::Arc;

/// Which field each column of a header is.
#[derive(Clone, Debug)]
pub(crate) struct CsvLayout {
    header: Arc<[String]>,
    pub(crate) delimiter: u8,
    fields: Vec<Option<usize>>,
    /// Names of fields that several columns have, with the places of these, counted from 1.
    pub(crate) twice_named: Vec<(String, Vec<usize>)>,
}

impl CsvLayout {
    pub(crate) fn new(header: Arc<[String]>, delimiter: u8, fields: &Fields) -> Self {
        let mut layout = vec![None; header.len()];
        let mut twice_named = vec![];
        for (field, name) in fields.names.iter().enumerate() {
            let places: Vec<usize> =
                (1..).zip(header.iter()).filter(|(_, own)| ***own == **name).map(|(i, _)| i).collect();
            if places.len() > 1 {
                twice_named.push((name.to_string(), places));
            }
            if let Some(column) = header.iter().rposition(|column| **column == **name) {
                layout[column] = Some(field);
            }
        }
        CsvLayout { header, delimiter, fields: layout, twice_named }
    }

    pub(crate) fn is_of(&self, header: &Arc<[String]>, delimiter: u8) -> bool {
        self.delimiter == delimiter && (Arc::ptr_eq(&self.header, header) || self.header == *header)
    }
}

/// Adds every record of the block.
pub(crate) fn records(out: &mut Assembler<'_>, arena: &mut Arena<'_>, layout: &CsvLayout, cells: &mut [CapturedCell]) {
    let block = arena.block;
    let all_utf8 = std::str::from_utf8(block).is_ok();
    let (mut scan, mut start) = (CsvScanner::new(Some(layout.delimiter)), 0);
    while start < block.len() {
        let end = scan.next_end(block, start).unwrap_or(block.len());
        let record = trim_end(&block[start..end]);
        let at = std::mem::replace(&mut start, end);
        if record.trim_ascii().is_empty() {
            continue;
        }
        let place = RecordOrigin { ordinal: at as u32, excerpt: &|| excerpt(record) };
        if is_too_long(&block[at..end], RECORD_MAX) {
            out.batch.records += 1;
            out.dead(place, None, too_long());
            continue;
        }
        if !all_utf8 && std::str::from_utf8(record).is_err() {
            out.batch.records += 1;
            out.dead(place, None, (RecordCode::InvalidUtf8, "not UTF-8".into()));
            continue;
        }
        cells.fill(CapturedCell::default());
        match capture(record, at, arena, layout, cells) {
            Ok(()) => out.record(arena, cells, place),
            Err(reason) => {
                out.batch.records += 1;
                out.dead(place, None, (RecordCode::Malformed, reason.into()));
            }
        }
    }
}

fn capture(
    record: &[u8],
    at: usize,
    arena: &mut Arena<'_>,
    layout: &CsvLayout,
    cells: &mut [CapturedCell],
) -> Result<(), String> {
    let mut column = 0;
    let well_formed = split(record, layout.delimiter, |cell| {
        if let Some(&Some(field)) = layout.fields.get(column) {
            let range = at + cell.text.start..at + cell.text.end;
            cells[field] = if cell.doubled {
                CapturedCell::new(CapturedKind::Bare, arena.push(&undouble(&record[cell.text])))
            } else if range.is_empty() && !cell.quoted {
                CapturedCell::of(CapturedKind::Empty)
            } else {
                CapturedCell::new(CapturedKind::Bare, range)
            };
        }
        column += 1;
    });
    if !well_formed {
        return Err("a quote that is not closed, or text behind a closing quote".into());
    }
    if column != layout.fields.len() {
        return Err(format!("{column} cells where the header has {}", layout.fields.len()));
    }
    Ok(())
}
