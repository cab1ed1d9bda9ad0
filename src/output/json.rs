//! Rows as JSON: one object a line, or one array of them.
//!
//! Always valid JSON: decimals are numbers in plain digits, floats that JSON cannot say (which no accepted event has,
//! but SQL can make) are null. Beside each time stands its count of nanoseconds.

use super::cell::{Cell, cell};
use super::columns::{Column, columns, nanoseconds_name};
use super::text;
use crate::error::Result;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::Schema;
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
    let keys = Keys::new(schema, fold);
    let mut object = vec![];
    for batch in batches {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            object.clear();
            keys.object(&mut object, &batch, row);
            write(&object)?;
        }
    }
    Ok(())
}

/// The columns with their names as JSON text, which is the same in every row.
struct Keys(Vec<(Column, String, String)>);

impl Keys {
    fn new(schema: &Schema, fold: bool) -> Self {
        let quote = |name: &str| format!("{}:", serde_json::Value::from(name));
        let keyed = |c: Column| {
            let (key, ns) = (quote(&c.name), quote(&nanoseconds_name(&c.name)));
            (c, key, ns)
        };
        Keys(columns(schema, fold).into_iter().map(keyed).collect())
    }

    fn object(&self, out: &mut Vec<u8>, batch: &RecordBatch, row: usize) {
        out.push(b'{');
        for (i, (column, key, ns)) in self.0.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            let value = column.cell(batch, row);
            out.extend_from_slice(key.as_bytes());
            push(out, &value);
            if column.time {
                out.push(b',');
                out.extend_from_slice(ns.as_bytes());
                push(out, &if let Cell::Time(t) = value { Cell::Int(t) } else { Cell::Null });
            }
        }
        out.push(b'}');
    }
}

fn push(out: &mut Vec<u8>, value: &Cell<'_>) {
    match value {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Text(s) => string(out, s),
        Cell::Other(s) => string(out, s),
        Cell::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Cell::Int(x) => out.extend_from_slice(x.to_string().as_bytes()),
        Cell::Unsigned(x) => out.extend_from_slice(x.to_string().as_bytes()),
        Cell::Decimal(x, scale) => text::decimal(out, *x, *scale),
        Cell::Float(x) if x.is_finite() => text::float(out, *x),
        Cell::Float(_) => out.extend_from_slice(b"null"),
        Cell::Time(t) => {
            out.push(b'"');
            text::time(out, *t);
            out.push(b'"');
        }
        Cell::List(items) => {
            out.push(b'[');
            for i in 0..items.len() {
                if i > 0 {
                    out.push(b',');
                }
                push(out, &cell(items.as_ref(), i));
            }
            out.push(b']');
        }
        Cell::Struct(members, row) => {
            out.push(b'{');
            for (i, (name, column)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                string(out, name);
                out.push(b':');
                push(out, &cell(column.as_ref(), *row));
            }
            out.push(b'}');
        }
    }
}

/// Appends a value of a row inside a table or a CSV field: JSON where it is nested, bare text otherwise.
pub(super) fn plain(out: &mut Vec<u8>, value: &Cell<'_>) {
    match value {
        Cell::Null => {}
        Cell::Text(s) => out.extend_from_slice(s.as_bytes()),
        Cell::Other(s) => out.extend_from_slice(s.as_bytes()),
        Cell::Time(t) => text::time(out, *t),
        Cell::Float(x) => text::float(out, *x),
        other => push(out, other),
    }
}

fn string(out: &mut Vec<u8>, s: &str) {
    serde_json::to_writer(out, s).expect("text is always JSON and memory takes it");
}
