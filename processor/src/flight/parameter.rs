//! Values that a client binds for `$1`, `$2` ..., or for each `?`: the columns of one row, as texts with the names of
//! their types.

use crate::sql::{StatementParameter, types};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Fields, TimeUnit, TimestampNanosecondType};
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

/// Messages that values may come in: a schema, their dictionaries, a row.
const MESSAGES_MAX: usize = 1000;

/// The values that a client sends; none where it sends no row.
pub(super) async fn bound(
    messages: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
) -> Result<Vec<StatementParameter>, Status> {
    let messages = messages.take(MESSAGES_MAX).map(|message| message.map_err(FlightError::from));
    let mut batches = FlightRecordBatchStream::new_from_flight_data(messages);
    let mut values = None;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| match error {
            FlightError::Tonic(status) => *status,
            broken => Status::invalid_argument(format!("the values are no batch of Arrow: {broken}")),
        })?;
        match batch.num_rows() {
            0 => {}
            1 if values.is_none() => values = Some(row(&batch)?),
            _ => return Err(Status::invalid_argument("one row of values at a time is bound: this is more than one")),
        }
    }
    Ok(values.unwrap_or_default())
}

/// The columns of the parameters of a statement, for clients to know their types.
pub(super) fn fields(types: &[DataType]) -> Fields {
    let named = types.iter().enumerate().map(|(place, ty)| {
        let name = format!("${}", place + 1);
        arrow::datatypes::Field::new(name, ty.clone(), true)
    });
    named.collect()
}

fn row(batch: &RecordBatch) -> Result<Vec<StatementParameter>, Status> {
    batch.columns().iter().enumerate().map(|(place, column)| value(column, place + 1)).collect()
}

/// The value of a column's first row.
fn value(column: &ArrayRef, number: usize) -> Result<StatementParameter, Status> {
    let ty = column.data_type();
    let refused = || {
        let said = format!("the value of ${number} is of the type {ty}, and such values are not taken");
        Status::invalid_argument(said)
    };
    let of = match ty {
        DataType::Dictionary(_, of) => of,
        other => other,
    };
    let name = match of {
        // What is a text has its type from what it is compared with, as a literal does.
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => None,
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..) => Some(types::of(of).0.sql.to_owned()),
        _ => return Err(refused()),
    };
    if column.is_null(0) || *of == DataType::Null {
        return Ok(StatementParameter { ty: name, text: None });
    }
    let text = match of {
        DataType::Timestamp(_, zone) => timestamp(column, zone.is_some()).ok_or_else(refused)?,
        _ => {
            let texts = cast(column, &DataType::Utf8).map_err(|_| refused())?;
            texts.as_string::<i32>().value(0).to_owned()
        }
    };
    Ok(StatementParameter { ty: name, text: Some(text) })
}

/// A time as a text; one with a zone is an instant, whichever zone that is.
fn timestamp(column: &ArrayRef, has_zone: bool) -> Option<String> {
    let plain = cast(column, &DataType::Timestamp(TimeUnit::Nanosecond, None)).ok()?;
    let plain: &TimestampNanosecondArray = plain.as_primitive_opt::<TimestampNanosecondType>()?;
    let time = jiff::Timestamp::from_nanosecond(plain.value(0).into()).ok()?.to_string();
    Some(if has_zone { time } else { time.trim_end_matches('Z').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, NullArray, StringArray,
        TimestampMicrosecondArray,
    };
    use std::sync::Arc;

    #[track_caller]
    fn check(column: impl Array + 'static, ty: Option<&str>, text: Option<&str>) {
        let expected = StatementParameter { ty: ty.map(str::to_owned), text: text.map(str::to_owned) };
        let column: ArrayRef = Arc::new(column);
        assert_eq!(value(&column, 1).unwrap(), expected);
    }

    #[test]
    fn values_of_columns_are_texts_with_types_of_sql() {
        check(Int64Array::from(vec![-7]), Some("bigint"), Some("-7"));
        check(Int64Array::from(vec![None]), Some("bigint"), None);
        check(NullArray::new(1), None, None);
        check(StringArray::from(vec!["it's"]), None, Some("it's"));
        check(BooleanArray::from(vec![true]), Some("boolean"), Some("true"));
        check(Float64Array::from(vec![1.5]), Some("double precision"), Some("1.5"));
        check(Date32Array::from(vec![-1]), Some("date"), Some("1969-12-31"));
        let decimal = Decimal128Array::from(vec![-1250]).with_precision_and_scale(6, 2).unwrap();
        check(decimal, Some("numeric"), Some("-12.50"));
        let time = TimestampMicrosecondArray::from(vec![1_500_000]);
        check(time.clone(), Some("timestamp without time zone"), Some("1970-01-01T00:00:01.5"));
        let zoned = time.with_timezone("+02:00");
        check(zoned, Some("timestamp with time zone"), Some("1970-01-01T00:00:01.5Z"));
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"x"[..]]));
        let refused = value(&bytes, 2).unwrap_err();
        assert!(refused.message().starts_with("the value of $2 is of the type Binary"), "{refused}");
    }
}
