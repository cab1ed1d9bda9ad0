//! Answers as rows: Arrow batches with the columns that users and tests rely on.
//!
//! One order whatever the batching or the number of threads: metrics as the program lists them, then session,
//! then dimensions (absent first, then by their bytes), then start.
//!
//! A value of any metric takes four columns: `value` is a float and there for every number (durations in seconds),
//! `value_exact` (`Decimal128(38, 9)`) beside it for durations and whole numbers, `value_text` and `value_bool` for the
//! other states. A question about any metric is then right with `value` alone, and exact where it says so; one decimal
//! column for all would have no ratio in it, and one text column no order. Whoever shows rows to people folds the four
//! into the one that says most ([`format`](mod@format)).
//!
//! Dimensions, groups and what `with` shows are texts here; tables of SQL have them in their types (`beside`).
//!
//! **Invariant:** no two columns of a table have one name in any letter case: dimensions stand under names that no
//! column of ours has ([`dimension_column`]).

mod alerts;
mod beside;
mod columns;
mod finals;
pub mod format;
mod own;
mod spans;
mod table;
pub mod text;
mod totals;

pub(crate) use alerts::is_of_alerts;
pub use alerts::{AlertColumns, alert_view, alerts};
pub(crate) use beside::{BesideTypes, agreed, beside_alert, beside_metric, conformed, groups_of, typed, typed_as};
pub use columns::{COMMENT, TABLES, documented};
pub use finals::{FinalRow, ValueColumn, finals, metric_view, value_column};
pub use own::dimension_column;
pub use spans::spans;
pub use table::{ColumnKind, RowCell, TableBuilder};
pub(crate) use totals::parts;
pub use totals::{PARTS, totals};

use crate::totals::{Amount, FoldedNumber};
use timeline_core::Value;
use timeline_core::plan::{Plan, RatioUnit};

/// Nanoseconds, or parts of a whole number, in a unit of `Decimal128(38, 9)`.
const UNIT: i128 = 1_000_000_000;

/// The four cells of a value.
pub(crate) fn value_cells(amount: &Amount) -> [RowCell; 4] {
    let [mut text, mut bool] = [RowCell::Null, RowCell::Null];
    let [float, exact] = match amount {
        Amount::Absent => [RowCell::Null, RowCell::Null],
        Amount::Duration(ns) => number_cells(FoldedNumber::Exact(*ns), true),
        Amount::Int(x) => number_cells(FoldedNumber::Exact(*x), false),
        Amount::Float(x) => number_cells(FoldedNumber::Float(*x), false),
        Amount::Ratio { unit: RatioUnit::Duration, .. } => {
            let quotient = amount.is_value().then(|| amount.duration_quotient()).flatten();
            quotient.map_or([RowCell::Null, RowCell::Null], |ns| number_cells(FoldedNumber::Exact(ns), true))
        }
        Amount::Ratio { .. } => [amount.quotient().map_or(RowCell::Null, RowCell::Float), RowCell::Null],
        Amount::State(Value::Bool(x)) => {
            bool = RowCell::Bool(*x);
            [RowCell::Null, RowCell::Null]
        }
        Amount::State(value) => {
            text = RowCell::Text(value.to_string());
            [RowCell::Null, RowCell::Null]
        }
    };
    [float, exact, text, bool]
}

/// Both cells of a number: as a float, and exact where it is.
pub(crate) fn number_cells(number: FoldedNumber, is_duration: bool) -> [RowCell; 2] {
    match number {
        FoldedNumber::Exact(ns) if is_duration => [RowCell::Float(ns as f64 / UNIT as f64), RowCell::Decimal(ns)],
        FoldedNumber::Exact(x) => [RowCell::Float(x as f64), RowCell::Decimal(x.saturating_mul(UNIT))],
        FoldedNumber::Float(x) => [RowCell::Float(x), RowCell::Null],
    }
}

/// Names of a number's columns.
pub(crate) fn number_columns(name: &str) -> [(String, ColumnKind); 2] {
    [(name.to_owned(), ColumnKind::Float), (format!("{name}_exact"), ColumnKind::Decimal)]
}

/// Names of a value's columns.
pub(crate) fn value_columns(name: &str) -> [(String, ColumnKind); 4] {
    let [float, exact] = number_columns(name);
    [float, exact, (format!("{name}_text"), ColumnKind::Text), (format!("{name}_bool"), ColumnKind::Bool)]
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

/// The columns that stand beside the values of metrics: dimensions, and what is shown with them.
pub(crate) fn names_beside<'a>(plans: impl IntoIterator<Item = &'a Plan> + Clone) -> Vec<String> {
    let mut names = dimension_names(plans.clone());
    for plan in plans {
        for beside in plan.metrics.iter().flat_map(|metric| &metric.with) {
            if !names.contains(&beside.name) {
                names.push(beside.name.clone());
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
            Some(value) => table.cell(RowCell::Text(value.to_string())),
            None => table.cell(RowCell::Null),
        }
    }
}
