//! The cells of a row in JSON, folded as `eval` shows them: the columns of a value (`value`, `value_exact` ...) as one,
//! and beside each time its nanoseconds.

use crate::rows::format::{CellRef, ShownColumn, columns, json, nanoseconds_name};
use arrow::array::RecordBatch;

/// Which columns of a table belong together.
pub(super) struct ColumnGroups(Vec<ShownColumn>);

impl ColumnGroups {
    pub(super) fn of(rows: &RecordBatch) -> ColumnGroups {
        ColumnGroups(columns(&rows.schema(), true))
    }

    /// Names and values of a row; `None` where there is no value.
    pub(super) fn cells(&self, rows: &RecordBatch, row: usize) -> Vec<(String, Option<String>)> {
        let mut cells = vec![];
        for column in &self.0 {
            let cell = column.cell(rows, row);
            cells.push((column.name.clone(), text(&cell)));
            if column.time {
                let ns = if let CellRef::Time(t) = cell { CellRef::Int(t) } else { CellRef::Null };
                cells.push((nanoseconds_name(&column.name), text(&ns)));
            }
        }
        cells
    }
}

/// A value in JSON.
fn text(cell: &CellRef<'_>) -> Option<String> {
    if matches!(cell, CellRef::Null) {
        return None;
    }
    let mut out = vec![];
    json(&mut out, cell);
    Some(String::from_utf8(out).expect("JSON is text"))
}
