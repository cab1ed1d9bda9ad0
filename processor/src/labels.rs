//! Which outputs of a plan are seen, and as which version of their definitions.
//!
//! A plan goes on unchanged when some of its outputs were replaced or dropped, for other state would have to begin anew.
//! Of those that are hidden no further row is written, published or shown; what was committed before stays readable.

use crate::rows::PARTS;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The column with the version of a row's definition.
pub(crate) const VERSION: &str = "version";

/// Which outputs are seen, and as what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// The version of each output's definition; 1 for one that is not named.
    pub versions: BTreeMap<String, u32>,
    /// Outputs that are seen no more.
    pub hidden: BTreeSet<String>,
    /// Whether nothing is published yet, for the versions before still answer.
    pub held: bool,
}

impl Labels {
    /// Whether an output is seen.
    pub(crate) fn shows(&self, name: &str) -> bool {
        !self.hidden.contains(name)
    }

    /// The rows of a table of history with the versions of their definitions, if its rows are of definitions.
    pub(crate) fn versioned(&self, table: &str, rows: RecordBatch) -> RecordBatch {
        let column = match table {
            "finals" | PARTS => "metric",
            "alerts" => "alert",
            _ => return rows,
        };
        if rows.column_by_name(VERSION).is_some() {
            return rows;
        }
        let version = |name: &str| i64::from(self.versions.get(name).copied().unwrap_or(1));
        let versions: Int64Array = match texts(&rows, column) {
            Some(names) => names.iter().map(|name| name.map(version)).collect(),
            None => Int64Array::new_null(rows.num_rows()),
        };
        let fields = rows
            .schema()
            .fields()
            .iter()
            .cloned()
            .chain([Arc::new(Field::new(VERSION, DataType::Int64, true))])
            .collect::<Vec<_>>();
        let columns = rows.columns().iter().cloned().chain([Arc::new(versions) as ArrayRef]).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("there is a version for each row")
    }
}

fn texts<'a>(rows: &'a RecordBatch, column: &str) -> Option<&'a StringArray> {
    rows.column_by_name(column)?.as_any().downcast_ref()
}
