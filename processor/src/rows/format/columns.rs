//! Which columns a text format shows, and from which columns of the batch each one takes its value.
//!
//! Folding: the tables over all metrics have one column a type (`value`, `value_exact`, `value_text`, `value_bool`);
//! people want the one value with all its digits, so the text formats can show them as one column: the exact one where
//! it is set, else the float, else what else there is.

use super::cell::{CellRef, cell};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema, TimeUnit};
use std::collections::BTreeSet;

/// What follows the name of a value's column to name the exact one, which says more.
const EXACT: &str = "_exact";
/// What follows it to name those that are set where it is not.
const OTHERS: [&str; 2] = ["_text", "_bool"];

/// One column that is shown.
#[derive(Debug)]
pub struct ShownColumn {
    /// Its name.
    pub name: String,
    /// Indexes into the batch; the first that is not null gives the value.
    sources: Vec<usize>,
    /// Every source is a number.
    pub number: bool,
    /// A time, and no column of the schema already says it in nanoseconds: formats may add that column.
    pub time: bool,
}

impl ShownColumn {
    /// Its value at `row`.
    pub fn cell<'a>(&self, batch: &'a RecordBatch, row: usize) -> CellRef<'a> {
        for &source in &self.sources {
            match cell(batch.column(source).as_ref(), row) {
                CellRef::Null => {}
                other => return other,
            }
        }
        CellRef::Null
    }
}

/// The columns to show, in the order of the schema.
pub fn columns(schema: &Schema, fold: bool) -> Vec<ShownColumn> {
    let at = |name: &str, suffix: &str| schema.index_of(&format!("{name}{suffix}")).ok();
    let is_sibling = |name: &str| {
        let mut suffixes = OTHERS.iter().chain([&EXACT]);
        suffixes.any(|suffix| name.strip_suffix(suffix).is_some_and(|of| schema.index_of(of).is_ok()))
    };
    let mut shown = vec![];
    for (index, field) in schema.fields().iter().enumerate() {
        if fold && is_sibling(field.name()) {
            continue;
        }
        let mut sources = vec![index];
        if fold {
            sources.splice(0..0, at(field.name(), EXACT));
            sources.extend(OTHERS.iter().filter_map(|suffix| at(field.name(), suffix)));
        }
        shown.push(ShownColumn {
            name: field.name().clone(),
            number: sources.iter().all(|&i| schema.field(i).data_type().is_numeric()),
            time: is_time(schema, index),
            sources,
        });
    }
    shown
}

/// Names of columns as names of which each stands once, for formats that could not tell two apart: the first of a name keeps
/// it, the others have a number behind it (`session`, `session_2`).
pub fn distinct(names: &[String]) -> Vec<String> {
    let mut taken: BTreeSet<String> = names.iter().cloned().collect();
    let mut seen = BTreeSet::new();
    let distinct = |name: &String| {
        if seen.insert(name.clone()) {
            return name.clone();
        }
        let mut numbered = (2_usize..).map(|number| format!("{name}_{number}"));
        numbered.find(|name| taken.insert(name.clone())).expect("there are more numbers than columns")
    };
    names.iter().map(distinct).collect()
}

/// Whether the column is a time that no other column already says in nanoseconds.
pub fn is_time(schema: &Schema, index: usize) -> bool {
    let field = schema.field(index);
    matches!(field.data_type(), DataType::Timestamp(TimeUnit::Nanosecond, _))
        && schema.index_of(&nanoseconds_name(field.name())).is_err()
}

/// The name of the column that says a time in nanoseconds.
pub fn nanoseconds_name(name: &str) -> String {
    format!("{name}_ns")
}
