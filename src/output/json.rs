//! Rows as JSON, to a writer: one object a line, or one array of them.

use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use processor::rows::format::JsonRows;
use std::io::Write;

/// One object a line.
pub(super) fn lines<W: Write>(
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    fold: bool,
    mut out: W,
) -> Result<()> {
    each(schema, batches, fold, |object| {
        out.write_all(object)?;
        out.write_all(b"\n")
    })
}

/// One array of objects, an object a line.
pub(super) fn array<W: Write>(
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    fold: bool,
    mut out: W,
) -> Result<()> {
    let mut before: &[u8] = b"[\n";
    each(schema, batches, fold, |object| {
        out.write_all(before)?;
        before = b",\n";
        out.write_all(object)
    })?;
    out.write_all(if before == b"[\n" { b"[]\n" } else { b"\n]\n" })?;
    Ok(())
}

fn each(
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    fold: bool,
    mut write: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<()> {
    let rows = JsonRows::new(schema, fold, true);
    let mut object = vec![];
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            object.clear();
            rows.push(&mut object, &batch, row);
            write(&object)?;
        }
    }
    Ok(())
}
