//! Rows as CSV, to a writer.

use crate::error::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use processor::rows::format::CsvRows;
use std::io::Write;

pub(super) fn write<W: Write>(
    schema: &Schema,
    batches: impl Iterator<Item = Result<RecordBatch>>,
    fold: bool,
    mut out: W,
) -> Result<()> {
    let mut rows = CsvRows::new(schema, fold);
    let mut line = vec![];
    rows.header(&mut line);
    out.write_all(&line)?;
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            line.clear();
            rows.push(&mut line, &batch, row);
            out.write_all(&line)?;
        }
    }
    Ok(())
}
