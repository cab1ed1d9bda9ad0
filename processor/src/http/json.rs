//! Rows of live answers as JSON objects.

use crate::rows::format::JsonRows;
use arrow::array::RecordBatch;

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonShape {
    /// The columns as they are.
    Plain,
    /// As `eval` shows them: the columns of a value (`sum`, `sum_exact`...) as one, a time also as nanoseconds
    /// (`start_ns`), and no column that has no value at all.
    Folded,
}

/// Each row as a JSON object.
pub(super) fn rows(batches: &[RecordBatch], shape: JsonShape) -> Vec<String> {
    let mut objects = vec![];
    let is_folded = shape == JsonShape::Folded;
    for batch in batches {
        let mut rows = JsonRows::new(&batch.schema(), is_folded, is_folded);
        if is_folded {
            rows.without_empty(batch);
        }
        for row in 0..batch.num_rows() {
            let mut object = vec![];
            rows.push(&mut object, batch, row);
            objects.push(String::from_utf8(object).expect("JSON is text"));
        }
    }
    objects
}
