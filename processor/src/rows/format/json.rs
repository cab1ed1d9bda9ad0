//! Rows as JSON objects, each on a line.
//!
//! Always valid JSON: decimals are numbers in plain digits, floats that JSON cannot say (which no accepted event has,
//! but SQL can make) are the texts `"NaN"`, `"Infinity"` and `"-Infinity"`, as in JSON of Protocol Buffers: a null is no value. Beside each time may stand its count of nanoseconds.
//! Of columns of one name each has a key of its own (`session`, `session_2`).

use super::cell::{CellRef, cell};
use super::columns::{ShownColumn, columns, distinct, nanoseconds_name};
use crate::rows::text;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::Schema;

/// Writes the rows of a schema. The columns have their names as JSON text, which is the same in every row.
#[derive(Debug)]
pub struct JsonRows(Vec<(ShownColumn, String, Option<String>)>);

impl JsonRows {
    /// With `fold` the columns of a value are one, with `nanoseconds` beside each time stands its count of them.
    pub fn new(schema: &Schema, fold: bool, nanoseconds: bool) -> Self {
        let shown = columns(schema, fold);
        // A reader of an object takes the last of two members of one name, and the other would be lost.
        let all = shown.iter().flat_map(|column| {
            let ns = (column.time && nanoseconds).then(|| nanoseconds_name(&column.name));
            std::iter::once(column.name.clone()).chain(ns)
        });
        let mut keys = distinct(&all.collect::<Vec<_>>()).into_iter();
        let mut key = || keys.next().map(|name| format!("{}:", serde_json::Value::from(name))).unwrap_or_default();
        let keyed = |column: ShownColumn| {
            let name = key();
            let ns = (column.time && nanoseconds).then(&mut key);
            (column, name, ns)
        };
        JsonRows(shown.into_iter().map(keyed).collect())
    }

    /// Leaves out the columns that have no value in any row of a batch.
    pub fn without_empty(&mut self, batch: &RecordBatch) {
        let has_any =
            |column: &ShownColumn| (0..batch.num_rows()).any(|row| !matches!(column.cell(batch, row), CellRef::Null));
        self.0.retain(|(column, ..)| has_any(column));
    }

    /// Appends a row as an object.
    pub fn push(&self, out: &mut Vec<u8>, batch: &RecordBatch, row: usize) {
        out.push(b'{');
        for (i, (column, key, ns)) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            let value = column.cell(batch, row);
            out.extend_from_slice(key.as_bytes());
            json(out, &value);
            if let Some(ns) = ns {
                out.push(b',');
                out.extend_from_slice(ns.as_bytes());
                json(out, &if let CellRef::Time(t) = value { CellRef::Int(t) } else { CellRef::Null });
            }
        }
        out.push(b'}');
    }
}

/// Appends a value in JSON.
pub fn json(out: &mut Vec<u8>, value: &CellRef<'_>) {
    match value {
        CellRef::Null => out.extend_from_slice(b"null"),
        CellRef::Text(s) => string(out, s),
        CellRef::Other(s) => string(out, s),
        CellRef::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        CellRef::Int(x) => out.extend_from_slice(x.to_string().as_bytes()),
        CellRef::Unsigned(x) => out.extend_from_slice(x.to_string().as_bytes()),
        CellRef::Decimal(x, scale) => text::decimal(out, *x, *scale),
        CellRef::Float(x) if x.is_finite() => text::float(out, *x),
        CellRef::Float(x) if x.is_nan() => out.extend_from_slice(b"\"NaN\""),
        CellRef::Float(x) if *x > 0.0 => out.extend_from_slice(b"\"Infinity\""),
        CellRef::Float(_) => out.extend_from_slice(b"\"-Infinity\""),
        CellRef::Time(t) => {
            out.push(b'"');
            text::time(out, *t);
            out.push(b'"');
        }
        CellRef::List(items) => {
            out.push(b'[');
            for i in 0..items.len() {
                if i > 0 {
                    out.push(b',');
                }
                json(out, &cell(items.as_ref(), i));
            }
            out.push(b']');
        }
        CellRef::Struct(members, row) => {
            out.push(b'{');
            for (i, (name, column)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                string(out, name);
                out.push(b':');
                json(out, &cell(column.as_ref(), *row));
            }
            out.push(b'}');
        }
    }
}

/// Appends a value of a row inside a table or a CSV field: JSON where it is nested, bare text otherwise.
pub fn plain(out: &mut Vec<u8>, value: &CellRef<'_>) {
    match value {
        CellRef::Null => {}
        CellRef::Text(s) => out.extend_from_slice(s.as_bytes()),
        CellRef::Other(s) => out.extend_from_slice(s.as_bytes()),
        CellRef::Time(t) => text::time(out, *t),
        CellRef::Float(x) => text::float(out, *x),
        other => json(out, other),
    }
}

fn string(out: &mut Vec<u8>, s: &str) {
    serde_json::to_writer(out, s).expect("text is always JSON and memory takes it");
}
