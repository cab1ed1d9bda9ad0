//! Rows as CSV (RFC 4180, lines end in `\n`): a header, then a line a row.
//!
//! Null is an empty field; an empty text is quoted, so that the two differ.

use super::cell::Cell;
use super::columns::columns;
use super::json::plain;
use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use std::io::Write;

pub(super) fn write<W: Write>(
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    fold: bool,
    mut out: W,
) -> Result<()> {
    let columns = columns(schema, fold);
    let mut line = vec![];
    for (i, column) in columns.iter().enumerate() {
        separate(&mut line, i);
        quote(&mut line, column.name.as_bytes());
    }
    line.push(b'\n');
    out.write_all(&line)?;
    let mut value = vec![];
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            line.clear();
            for (i, column) in columns.iter().enumerate() {
                separate(&mut line, i);
                let cell = column.cell(&batch, row);
                // A line with one empty field would be a blank line, which readers skip.
                if matches!(cell, Cell::Null) && columns.len() > 1 {
                    continue;
                }
                value.clear();
                plain(&mut value, &cell);
                quote(&mut line, &value);
            }
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
    Ok(())
}

fn separate(line: &mut Vec<u8>, column: usize) {
    if column > 0 {
        line.push(b',');
    }
}

fn quote(line: &mut Vec<u8>, field: &[u8]) {
    let bare = !field.is_empty() && !field.iter().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r'));
    if bare {
        line.extend_from_slice(field);
        return;
    }
    line.push(b'"');
    for &b in field {
        if b == b'"' {
            line.push(b'"');
        }
        line.push(b);
    }
    line.push(b'"');
}
