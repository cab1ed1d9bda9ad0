//! Rows of history with the columns that tables of Delta can have, and back.
//!
//! Times there are of microseconds, so beside each stands one of nanoseconds, as an integer, from which ours is read.
//! Names keep what Parquet and Delta allow; what they do not is written as `~` and its code in hexadecimal.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampNanosecondType};
use arrow::error::ArrowError;
use std::fmt::Write;
use std::sync::Arc;
use timeline_core::{SECOND, Time};

/// The column by which tables are cut into parts: the day, in UTC, on which a row's stretch of time ends.
pub(crate) const DAY: &str = "utc_date";
/// What the name of a time's column of nanoseconds ends with.
const NANOSECONDS: &str = "_ns";
/// The columns that are ours alone, for dimensions of the same name.
const OURS: [&str; 4] = [DAY, "start_ns", "end_ns", "time_ns"];

/// How a column is called in a table.
pub(crate) fn table_name(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            ' ' | ',' | ';' | '{' | '}' | '(' | ')' | '\n' | '\t' | '=' | '~' => {
                write!(written, "~{:02x}", u32::from(c)).expect("a string takes all");
            }
            _ => written.push(c),
        }
    }
    if OURS.contains(&name.to_lowercase().as_str()) {
        written.push('~');
    }
    written
}

/// The inverse of [`table_name`].
fn own_name(written: &str) -> String {
    let mut parts = written.split('~');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        name.extend(code);
        name.push_str(part.get(2..).unwrap_or_default());
    }
    name
}

/// How the column of nanoseconds of a time is called.
pub(crate) fn nanoseconds_name(time: &str) -> String {
    format!("{time}{NANOSECONDS}")
}

fn is_time(ty: &DataType) -> bool {
    matches!(ty, DataType::Timestamp(TimeUnit::Nanosecond, _))
}

fn utc(unit: TimeUnit) -> DataType {
    DataType::Timestamp(unit, Some("UTC".into()))
}

/// The rows with the columns of a table.
pub(crate) fn to_table(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (vec![], vec![]);
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if !is_time(field.data_type()) {
            fields.push(Field::new(table_name(field.name()), field.data_type().clone(), true));
            columns.push(Arc::clone(column));
            continue;
        }
        let times = column.as_primitive::<TimestampNanosecondType>();
        let micros: TimestampMicrosecondArray = times.iter().map(|time| Some(time?.div_euclid(1_000))).collect();
        fields.push(Field::new(field.name(), utc(TimeUnit::Microsecond), true));
        columns.push(Arc::new(micros.with_timezone("UTC")));
        fields.push(Field::new(nanoseconds_name(field.name()), DataType::Int64, true));
        columns.push(Arc::new(times.iter().collect::<Int64Array>()));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// Whether rows have the columns of a table, as far as these are others than ours: no other file of ours has times of
/// microseconds, and of tables only what could not be used at all has none, whose columns are called as ours.
pub(crate) fn is_of_table(schema: &Schema) -> bool {
    let has_micros = |field: &Arc<Field>| matches!(field.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _));
    schema.fields().iter().any(has_micros)
}

/// The columns that rows of a table have as ours, each with its place there.
fn own_columns(schema: &Schema) -> Vec<(Field, usize)> {
    let fields = schema.fields();
    let own = |(i, field): (usize, &Arc<Field>)| match field.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let exact = schema.index_of(&nanoseconds_name(field.name())).ok()?;
            Some((Field::new(field.name(), utc(TimeUnit::Nanosecond), true), exact))
        }
        // A time's other column is read with it.
        DataType::Int64 if is_other(schema, field.name()) => None,
        ty => Some((Field::new(own_name(field.name()), ty.clone(), true), i)),
    };
    fields.iter().enumerate().filter_map(own).collect()
}

fn is_other(schema: &Schema, name: &str) -> bool {
    let time = name.strip_suffix(NANOSECONDS).and_then(|time| schema.field_with_name(time).ok());
    time.is_some_and(|field| matches!(field.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _)))
}

/// The columns of rows of a table as ours.
pub(crate) fn own_schema(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(own_columns(schema).into_iter().map(|(field, _)| field).collect::<Vec<_>>()))
}

/// The rows of a table with our columns.
pub(crate) fn of_table(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (vec![], vec![]);
    for (field, i) in own_columns(&batch.schema()) {
        let column = batch.column(i);
        columns.push(match is_time(field.data_type()) {
            true => Arc::new(
                column.as_primitive::<Int64Type>().reinterpret_cast::<TimestampNanosecondType>().with_timezone("UTC"),
            ),
            false => Arc::clone(column),
        });
        fields.push(field);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The days of rows of a table, in days since 1970-01-01: on which their stretches end, and of those that have no time that
/// up to which they were told. Late events are of any time, and would have a file for each day of theirs: they are of the day
/// on which they came, by the time of events.
pub(crate) fn days(table: &str, batch: &RecordBatch, told: Time) -> Vec<i64> {
    if table == "late_events" {
        return vec![day(told); batch.num_rows()];
    }
    let times =
        ["end", "time", "start"].map(|name| batch.column_by_name(name).filter(|column| is_time(column.data_type())));
    let of = |i: usize| {
        let known = times.iter().flatten().find(|column| column.is_valid(i));
        known.map_or(told, |column| column.as_primitive::<TimestampNanosecondType>().value(i))
    };
    (0..batch.num_rows()).map(|i| day(of(i))).collect()
}

/// The day of an instant, in days since 1970-01-01.
pub(crate) fn day(time: Time) -> i64 {
    time.div_euclid(86_400 * SECOND)
}

/// A day as people write it.
pub(crate) fn day_text(day: i64) -> String {
    let first = jiff::civil::date(1970, 1, 1);
    let date = first.checked_add(jiff::Span::new().days(day)).expect("64-bit nanoseconds are no more than 300 years");
    date.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Decimal128Array, StringArray, TimestampNanosecondArray};

    #[test]
    fn rows_come_back_to_the_nanosecond_under_the_names_that_they_had() {
        let times = |times: Vec<Option<i64>>| Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"));
        let exact = Decimal128Array::from(vec![Some(5), None]).with_precision_and_scale(38, 9).unwrap();
        let columns: [(&str, ArrayRef); 6] = [
            ("session", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("start", times(vec![Some(-1), Some(1_999)])),
            ("end", times(vec![None, Some(86_400_000_000_001)])),
            ("Zone of (x)=~", Arc::new(StringArray::from(vec![Some("z"), None]))),
            ("UTC_date", Arc::new(StringArray::from(vec!["own", "own"]))),
            ("value_exact", Arc::new(exact)),
        ];
        let rows = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
        assert!(!is_of_table(&rows.schema()));
        let table = to_table(&rows).unwrap();
        let schema = table.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let shown = "session start start_ns end end_ns Zone~20of~20~28x~29~3d~7e UTC_date~ value_exact";
        assert_eq!(names.join(" "), shown);
        let micros = table.column(1).as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
        assert_eq!((micros.value(0), micros.value(1)), (-1, 1), "rounded down, on both sides of 1970");
        assert!(is_of_table(&schema));
        assert_eq!(of_table(&table).unwrap(), rows);
        assert_eq!(own_schema(&schema), rows.schema());
        assert_eq!(days("finals", &rows, 0), [-1, 1], "by the end, and by the start where there is none");
        assert_eq!(days("late_events", &rows, 0), [0, 0], "by when they came");
        assert_eq!((day_text(-1), day_text(20_000)), ("1969-12-31".into(), "2024-10-04".into()));
    }
}
