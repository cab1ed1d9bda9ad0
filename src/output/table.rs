//! Rows as a table for people: aligned columns under a header, numbers to the right, nothing for null.
//!
//! The widths come from all rows, so a table is held in memory whole; the other formats stream.

use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use processor::rows::format::{CellRef, columns, plain};
use std::io::Write;
use unicode_width::UnicodeWidthStr;

pub(super) fn write<W: Write>(
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    fold: bool,
    mut out: W,
) -> Result<()> {
    let columns = columns(schema, fold);
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|c| visible(c.name.as_bytes())).collect()];
    // A folded column is one of numbers if what it shows is.
    let mut numbers = vec![false; columns.len()];
    let mut others = vec![false; columns.len()];
    let mut value = vec![];
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().enumerate().map(|(i, column)| {
                let cell = column.cell(&batch, row);
                numbers[i] |= cell.is_number();
                others[i] |= !cell.is_number() && !matches!(cell, CellRef::Null);
                value.clear();
                plain(&mut value, &cell);
                visible(&value)
            });
            rows.push(cells.collect());
        }
    }
    let right: Vec<bool> =
        columns.iter().zip(numbers.iter().zip(&others)).map(|(c, (n, o))| c.number || (*n && !o)).collect();
    out.write_all(aligned(&rows, &right).as_bytes())?;
    Ok(())
}

/// Lines of cells, the first one the header with a rule below it; `right` says which columns align to the right.
pub(crate) fn aligned(rows: &[Vec<String>], right: &[bool]) -> String {
    let width_of = |i: usize| rows.iter().map(|row| row[i].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..right.len()).map(width_of).collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = (String, bool, usize)>| {
        let start = text.len();
        for (i, (cell, right, width)) in cells.enumerate() {
            let pad = " ".repeat(width - cell.width());
            let gap = if i > 0 { "  " } else { "" };
            let (before, after) = if right { (pad.as_str(), "") } else { ("", pad.as_str()) };
            text.extend([gap, before, cell.as_str(), after]);
        }
        let end = start + text[start..].trim_end().len();
        text.truncate(end);
        text.push('\n');
    };
    for (n, row) in rows.iter().enumerate() {
        line(&mut row.iter().zip(right).zip(&widths).map(|((cell, right), width)| (cell.clone(), *right, *width)));
        if n == 0 {
            line(&mut widths.iter().map(|width| ("-".repeat(*width), false, *width)));
        }
    }
    text
}

/// The text with control characters spelled out, so that a value can neither break a line nor drive the terminal.
pub(crate) fn visible(text: &[u8]) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
