//! Rows as JSON objects: decimals as plain digits, so that durations stay exact, and times as RFC 3339.

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};
use arrow::error::ArrowError;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a value of another type is called beside the column that it belongs to.
const SIBLINGS: [&str; 3] = ["_f64", "_text", "_bool"];

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// The columns as they are.
    Plain,
    /// As `eval` shows them: the columns of a value (`sum`, `sum_f64`...) as one, a time also as nanoseconds
    /// (`start_ns`), and no column that has no value at all.
    Folded,
}

/// Each row as a JSON object.
pub(super) fn rows(batches: &[RecordBatch], shape: Shape) -> Result<Vec<String>, ArrowError> {
    let mut rows = vec![];
    for batch in batches {
        let mut columns = columns(batch, shape)?;
        if shape == Shape::Folded {
            columns.retain(|(_, cells)| cells.iter().any(|cell| cell != "null"));
        }
        for i in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|(name, cells)| format!("{name}:{}", cells[i])).collect();
            rows.push(format!("{{{}}}", cells.join(",")));
        }
    }
    Ok(rows)
}

/// Names and cells in JSON.
fn columns(batch: &RecordBatch, shape: Shape) -> Result<Vec<(String, Vec<String>)>, ArrowError> {
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let known: BTreeSet<&str> = names.iter().copied().collect();
    let is_sibling =
        |name: &str| SIBLINGS.iter().filter_map(|end| name.strip_suffix(end)).any(|base| known.contains(base));
    let mut columns = vec![];
    for (name, array) in names.iter().zip(batch.columns()) {
        if shape == Shape::Plain {
            columns.push((quoted(name), cells(array)?));
            continue;
        }
        if is_sibling(name) {
            continue;
        }
        let mut folded = cells(array)?;
        for sibling in SIBLINGS.iter().filter_map(|end| batch.column_by_name(&format!("{name}{end}"))) {
            for (cell, other) in folded.iter_mut().zip(cells(sibling)?).filter(|(cell, _)| *cell == "null") {
                *cell = other;
            }
        }
        columns.push((quoted(name), folded));
        let ns = format!("{name}_ns");
        if let Some(times) = array.as_any().downcast_ref::<TimestampNanosecondArray>()
            && !known.contains(ns.as_str())
        {
            let times: ArrayRef = Arc::new(Int64Array::new(times.values().clone(), times.nulls().cloned()));
            columns.push((quoted(&ns), cells(&times)?));
        }
    }
    Ok(columns)
}

/// The values of a column in JSON, of whatever type it is.
fn cells(array: &ArrayRef) -> Result<Vec<String>, ArrowError> {
    let batch = RecordBatch::try_from_iter_with_nullable([("v", with_offset(array), true)])?;
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(vec![]);
    writer.write(&batch)?;
    writer.finish()?;
    let text = String::from_utf8(writer.into_inner()).map_err(|error| ArrowError::JsonError(error.to_string()))?;
    let cell = |line: &str| line.strip_prefix("{\"v\":").and_then(|cell| cell.strip_suffix('}')).map(str::to_owned);
    let cells: Option<Vec<String>> = text.lines().map(cell).collect();
    cells
        .filter(|cells| cells.len() == array.len())
        .ok_or_else(|| ArrowError::JsonError("a column came out as something else than one value a line".into()))
}

/// The column with the offset of UTC for its name, which the writer knows only where SQL has brought it a table of names.
fn with_offset(array: &ArrayRef) -> ArrayRef {
    match array.as_any().downcast_ref::<TimestampNanosecondArray>() {
        Some(times) if times.timezone() == Some("UTC") => Arc::new(times.clone().with_timezone("+00:00")),
        _ => array.clone(),
    }
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}
