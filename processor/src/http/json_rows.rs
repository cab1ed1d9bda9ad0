//! Rows as JSON text, decimals as plain numbers.

use arrow::array::{Array, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::Value;

/// All rows as one array.
pub(super) fn array(batches: &[RecordBatch]) -> String {
    let rows: Vec<String> = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|i| row(batch, i))).collect();
    format!("[{}]", rows.join(","))
}

/// The texts of a column, nulls as empty ones; none if there is no such column.
pub(super) fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let column = batch.column_by_name(column).and_then(|column| column.as_any().downcast_ref::<StringArray>());
    column.map(|column| column.iter().map(|text| text.unwrap_or_default().to_owned()).collect()).unwrap_or_default()
}

/// The rows whose column says `value`.
pub(super) fn only(batch: &RecordBatch, column: &str, value: &str) -> RecordBatch {
    let mine: BooleanArray = texts(batch, column).into_iter().map(|text| Some(text == value)).collect();
    arrow::compute::filter_record_batch(batch, &mine).unwrap_or_else(|_| batch.slice(0, 0))
}

fn row(batch: &RecordBatch, i: usize) -> String {
    let fields = batch.schema();
    let members = batch.columns().iter().zip(fields.fields()).map(|(column, field)| {
        format!("{}:{}", Value::String(field.name().clone()), cell(column, i))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn cell(column: &dyn Array, i: usize) -> String {
    if column.is_null(i) {
        return "null".into();
    }
    let any = column.as_any();
    if let Some(column) = any.downcast_ref::<Decimal128Array>() {
        let scale = column.scale().max(0) as usize;
        return decimal(column.value(i), scale);
    }
    if let Some(column) = any.downcast_ref::<Int64Array>() {
        return column.value(i).to_string();
    }
    if let Some(column) = any.downcast_ref::<Float64Array>() {
        return Value::from(column.value(i)).to_string();
    }
    if let Some(column) = any.downcast_ref::<BooleanArray>() {
        return column.value(i).to_string();
    }
    if let Some(column) = any.downcast_ref::<StringArray>() {
        return Value::from(column.value(i)).to_string();
    }
    if let Some(column) = any.downcast_ref::<TimestampNanosecondArray>() {
        let time = jiff::Timestamp::from_nanosecond(i128::from(column.value(i)));
        return time.map_or_else(|_| "null".into(), |time| Value::from(format!("{time:.9}")).to_string());
    }
    let text = ArrayFormatter::try_new(column, &FormatOptions::default()).map(|f| f.value(i).to_string());
    text.map_or_else(|_| "null".into(), |text| Value::from(text).to_string())
}

/// Plain digits without trailing zeros.
fn decimal(value: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let part = part.trim_end_matches('0');
    let sign = if value < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_are_plain() {
        let shown = [0, 1, -1, 12_500_000_000, 12_000_000_000, -500_000_000].map(|x| decimal(x, 9));
        assert_eq!(shown, ["0", "0.000000001", "-0.000000001", "12.5", "12", "-0.5"]);
    }
}
