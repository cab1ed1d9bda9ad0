//! Functions of stretches of time, for rows that have a `start` and an `end`: what of them lies between two instants.
//!
//! An `end` that is null is one that has not come: the stretch goes on to the end of what is looked at.

use arrow::array::{Array, ArrayRef, AsArray, DurationNanosecondArray, TimestampNanosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampNanosecondType};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::functions_aggregate::approx_percentile_cont::approx_percentile_cont_udaf;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// What is asked of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum StretchFunction {
    /// `overlap(start, end, from, to)`: how long it lies in between.
    Overlap,
    /// `clip_start(start, from)`: when it begins, `from` if that is later.
    ClipStart,
    /// `clip_end(end, to)`: when it ends, `to` if that is earlier, or it has not ended.
    ClipEnd,
}

/// Makes them known to a question; and `approx_percentile`, as others call it.
pub(super) fn register(context: &SessionContext) {
    for asked in [StretchFunction::Overlap, StretchFunction::ClipStart, StretchFunction::ClipEnd] {
        let arity = if asked == StretchFunction::Overlap { 4 } else { 2 };
        let signature = Signature::any(arity, Volatility::Immutable);
        context.register_udf(ScalarUDF::from(Stretches { asked, signature }));
    }
    context.register_udaf(approx_percentile_cont_udaf().as_ref().clone().with_aliases(["approx_percentile"]));
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Stretches {
    asked: StretchFunction,
    signature: Signature,
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// An argument as instants.
fn instants(array: &ArrayRef) -> Result<Vec<Option<i64>>> {
    let is_time = matches!(
        array.data_type(),
        DataType::Timestamp(..)
            | DataType::Date32
            | DataType::Date64
            | DataType::Utf8
            | DataType::Utf8View
            | DataType::Null
    );
    if !is_time {
        return exec_err!("this takes instants of time, such as start, \"end\" or a TIMESTAMP");
    }
    let array = cast(array, &instant())?;
    Ok(array.as_primitive::<TimestampNanosecondType>().iter().collect())
}

/// How long the stretch lies between two instants.
fn overlap(start: Option<i64>, end: Option<i64>, from: Option<i64>, to: Option<i64>) -> Option<i64> {
    let (start, from, to) = (start?, from?, to?);
    let end = end.map_or(to, |end| end.min(to));
    Some(end.saturating_sub(start.max(from)).max(0))
}

impl ScalarUDFImpl for Stretches {
    fn name(&self) -> &str {
        match self.asked {
            StretchFunction::Overlap => "overlap",
            StretchFunction::ClipStart => "clip_start",
            StretchFunction::ClipEnd => "clip_end",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.asked {
            StretchFunction::Overlap => DataType::Duration(TimeUnit::Nanosecond),
            StretchFunction::ClipStart | StretchFunction::ClipEnd => instant(),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let all = arrays.iter().map(instants).collect::<Result<Vec<_>>>()?;
        let result: ArrayRef = match (self.asked, all.as_slice()) {
            (StretchFunction::Overlap, [start, end, from, to]) => {
                let rows = (0..start.len()).map(|row| overlap(start[row], end[row], from[row], to[row]));
                Arc::new(DurationNanosecondArray::from_iter(rows))
            }
            (StretchFunction::ClipStart, [start, from]) => {
                let rows = start.iter().zip(from).map(|(start, from)| Some((*start)?.max((*from)?)));
                Arc::new(TimestampNanosecondArray::from_iter(rows).with_timezone("UTC"))
            }
            (StretchFunction::ClipEnd, [end, to]) => {
                let rows = end.iter().zip(to).map(|(end, to)| to.map(|to| end.map_or(to, |end| end.min(to))));
                Arc::new(TimestampNanosecondArray::from_iter(rows).with_timezone("UTC"))
            }
            _ => return exec_err!("`{}` takes other arguments", self.name()),
        };
        match is_scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)),
            false => Ok(ColumnarValue::Array(result)),
        }
    }
}
