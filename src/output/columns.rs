//! Which columns a text format shows, and from which columns of the batch each one takes its value.
//!
//! Folding: the tables over all metrics have one column a type (`value`, `value_f64`, `value_text`, `value_bool`),
//! of which at most one is set in a row; people want the one value, so the text formats can show them as one column.

use super::cell::{Cell, cell, is_number};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema, TimeUnit};

/// What follows the name of a decimal column to name its siblings of the other types.
const SIBLINGS: [&str; 3] = ["_f64", "_text", "_bool"];

/// One column that is shown.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Indexes into the batch; the first that is not null gives the value.
    sources: Vec<usize>,
    /// Every source is a number.
    pub(super) number: bool,
    /// A time, and no column of the schema already says it in nanoseconds: formats may add that column.
    pub(super) time: bool,
}

impl Column {
    /// Its value at `row`.
    pub(super) fn cell<'a>(&self, batch: &'a RecordBatch, row: usize) -> Cell<'a> {
        for &source in &self.sources {
            match cell(batch.column(source).as_ref(), row) {
                Cell::Null => {}
                other => return other,
            }
        }
        Cell::Null
    }
}

/// The columns to show, in the order of the schema.
pub(super) fn columns(schema: &Schema, fold: bool) -> Vec<Column> {
    let siblings = |name: &str| -> Vec<usize> {
        SIBLINGS.iter().filter_map(|suffix| schema.index_of(&format!("{name}{suffix}")).ok()).collect()
    };
    let is_sibling = |name: &str| {
        SIBLINGS.iter().any(|suffix| name.strip_suffix(suffix).is_some_and(|of| schema.index_of(of).is_ok()))
    };
    let mut shown = vec![];
    for (index, field) in schema.fields().iter().enumerate() {
        if fold && is_sibling(field.name()) {
            continue;
        }
        let mut sources = vec![index];
        if fold {
            sources.extend(siblings(field.name()));
        }
        shown.push(Column {
            name: field.name().clone(),
            number: sources.iter().all(|&i| is_number(schema.field(i).data_type())),
            time: is_time(schema, index),
            sources,
        });
    }
    shown
}

/// Whether the column is a time that no other column already says in nanoseconds.
pub(super) fn is_time(schema: &Schema, index: usize) -> bool {
    let field = schema.field(index);
    matches!(field.data_type(), DataType::Timestamp(TimeUnit::Nanosecond, _))
        && schema.index_of(&nanoseconds_name(field.name())).is_err()
}

/// The name of the column that says a time in nanoseconds.
pub(super) fn nanoseconds_name(name: &str) -> String {
    format!("{name}_ns")
}
