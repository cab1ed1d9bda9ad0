//! Answers as rows: Arrow batches with the columns that users and tests rely on.
//!
//! One order whatever the batching or the number of threads: metrics as the program lists them, then session,
//! then dimensions (absent first, then by their bytes), then start.
//!
//! A value of any metric takes four columns, of which one is not null: `value` (durations and whole numbers, as
//! `Decimal128(38, 9)`; durations in seconds), `value_f64`, `value_text` and `value_bool`.

mod finals;
mod spans;
mod table;
pub mod text;
mod totals;

pub use finals::{FinalRow, alerts, finals, metric_view};
pub use spans::spans;
pub use table::{Cell, Kind, TableBuilder};
pub use totals::totals;

use crate::totals::{Amount, Number};
use timeline_core::Value;
use timeline_core::plan::{Plan, RatioUnit};

/// Nanoseconds, or parts of a whole number, in a unit of `Decimal128(38, 9)`.
const UNIT: i128 = 1_000_000_000;

/// The four cells of a value.
pub(crate) fn value_cells(amount: &Amount) -> [Cell; 4] {
    let mut cells = [Cell::Null, Cell::Null, Cell::Null, Cell::Null];
    match amount {
        Amount::Absent => {}
        Amount::Duration(ns) => cells[0] = Cell::Decimal(*ns),
        Amount::Int(x) => cells[0] = Cell::Decimal(x.saturating_mul(UNIT)),
        Amount::Float(x) => cells[1] = Cell::Float(*x),
        Amount::Ratio { unit: RatioUnit::Duration, .. } => {
            cells[0] =
                amount.is_value().then(|| amount.duration_quotient()).flatten().map_or(Cell::Null, Cell::Decimal);
        }
        Amount::Ratio { .. } => cells[1] = amount.quotient().map_or(Cell::Null, Cell::Float),
        Amount::State(Value::Bool(x)) => cells[3] = Cell::Bool(*x),
        Amount::State(value) => cells[2] = Cell::Text(value.to_string()),
    }
    cells
}

/// Both cells of a number that is one side of a ratio, or a slope.
pub(crate) fn number_cells(number: Number, is_duration: bool) -> [Cell; 2] {
    match number {
        Number::Exact(x) if is_duration => [Cell::Decimal(x), Cell::Null],
        Number::Exact(x) => [Cell::Decimal(x.saturating_mul(UNIT)), Cell::Null],
        Number::Float(x) => [Cell::Null, Cell::Float(x)],
    }
}

/// Names of a value's columns.
pub(crate) fn value_columns(name: &str) -> [(String, Kind); 4] {
    [
        (name.to_owned(), Kind::Decimal),
        (format!("{name}_f64"), Kind::Float),
        (format!("{name}_text"), Kind::Text),
        (format!("{name}_bool"), Kind::Bool),
    ]
}

/// The dimension columns of all metrics of some plans, in the order of first use.
pub(crate) fn dimension_names<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for plan in plans {
        for name in plan.metrics.iter().flat_map(|metric| &metric.dimensions) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    names
}

/// Appends the cells of dimensions under the columns `names`; null where a metric has no such dimension.
pub(crate) fn push_dimensions(table: &mut TableBuilder, names: &[String], own: &[String], values: &[Option<Value>]) {
    for name in names {
        match own.iter().position(|own| own == name).and_then(|i| values.get(i)?.as_ref()) {
            Some(Value::Str(text)) => table.text(text),
            Some(value) => table.cell(Cell::Text(value.to_string())),
            None => table.cell(Cell::Null),
        }
    }
}
