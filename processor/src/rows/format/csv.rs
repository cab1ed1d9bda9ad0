//! Rows as CSV (RFC 4180, lines end in `\n`): a header, then a line a row.
//!
//! Null is an empty field; an empty text is quoted, so that the two differ.

use super::cell::CellRef;
use super::columns::{ShownColumn, columns};
use super::json::plain;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

/// Writes the rows of a schema.
#[derive(Debug)]
pub struct CsvRows {
    columns: Vec<ShownColumn>,
    value: Vec<u8>,
}

impl CsvRows {
    /// With `fold` the columns of a value are one.
    pub fn new(schema: &Schema, fold: bool) -> Self {
        CsvRows { columns: columns(schema, fold), value: vec![] }
    }

    /// Appends the header.
    pub fn header(&self, out: &mut Vec<u8>) {
        for (i, column) in self.columns.iter().enumerate() {
            separate(out, i);
            quote(out, column.name.as_bytes());
        }
        out.push(b'\n');
    }

    /// Appends a row.
    pub fn push(&mut self, out: &mut Vec<u8>, batch: &RecordBatch, row: usize) {
        for (i, column) in self.columns.iter().enumerate() {
            separate(out, i);
            let cell = column.cell(batch, row);
            // A line with one empty field would be a blank line, which readers skip.
            if matches!(cell, CellRef::Null) && self.columns.len() > 1 {
                continue;
            }
            self.value.clear();
            plain(&mut self.value, &cell);
            quote(out, &self.value);
        }
        out.push(b'\n');
    }
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
