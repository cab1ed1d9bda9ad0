//! The cells of a row in JSON, folded as `eval` shows them: the columns of a value (`value`, `value_f64` ...) as one, and
//! beside each time its nanoseconds.

use crate::rows::text;
use arrow::array::{
    Array, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray,
};

/// What a value of another type is called beside the column that it belongs to.
const SIBLINGS: [&str; 3] = ["_f64", "_text", "_bool"];

/// Which columns of a table belong together.
pub(super) struct Shape(Vec<(String, Vec<usize>)>);

impl Shape {
    pub(super) fn of(rows: &RecordBatch) -> Shape {
        let schema = rows.schema();
        let at = |name: &str| schema.index_of(name).ok();
        let mut columns = vec![];
        for (i, field) in schema.fields().iter().enumerate() {
            let name = field.name();
            let is_sibling = SIBLINGS.iter().any(|end| name.strip_suffix(end).is_some_and(|base| at(base).is_some()));
            if !is_sibling {
                let siblings = SIBLINGS.iter().filter_map(|end| at(&format!("{name}{end}")));
                columns.push((name.clone(), std::iter::once(i).chain(siblings).collect()));
            }
        }
        Shape(columns)
    }

    /// Names and values of a row; `None` where there is no value.
    pub(super) fn cells(&self, rows: &RecordBatch, row: usize) -> Vec<(String, Option<String>)> {
        let mut cells = vec![];
        for (name, columns) in &self.0 {
            let value = columns.iter().find_map(|column| cell(rows.column(*column).as_ref(), row));
            cells.push((name.clone(), value));
            if let Some(times) = rows.column(columns[0]).as_any().downcast_ref::<TimestampNanosecondArray>() {
                let ns = times.is_valid(row).then(|| times.value(row).to_string());
                cells.push((format!("{name}_ns"), ns));
            }
        }
        cells
    }
}

/// A value in JSON.
fn cell(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let any = array.as_any();
    let mut out = vec![];
    if let Some(texts) = any.downcast_ref::<StringArray>() {
        return Some(serde_json::Value::from(texts.value(row)).to_string());
    } else if let Some(numbers) = any.downcast_ref::<Decimal128Array>() {
        text::decimal(&mut out, numbers.value(row), numbers.scale());
    } else if let Some(numbers) = any.downcast_ref::<Float64Array>() {
        text::float(&mut out, numbers.value(row));
    } else if let Some(numbers) = any.downcast_ref::<Int64Array>() {
        return Some(numbers.value(row).to_string());
    } else if let Some(flags) = any.downcast_ref::<BooleanArray>() {
        return Some(flags.value(row).to_string());
    } else {
        let times = array.as_primitive_opt::<arrow::datatypes::TimestampNanosecondType>()?;
        out.push(b'"');
        text::time(&mut out, times.value(row));
        out.push(b'"');
    }
    Some(String::from_utf8(out).expect("numbers and times are ASCII"))
}
