//! `to_char(time, pattern)`, with the patterns of PostgreSQL (`'YYYY-MM-DD HH24:MI:SS'`).
//!
//! The library's takes those of C (`'%Y-%m-%d'`) and gives anything else back as it is. A pattern with `%` is C's as
//! before, any other is PostgreSQL's; what is not known of it is refused, and never copied into the answer.

mod fields;
mod pattern;

use super::types::nanoseconds;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::datetime::to_char::ToCharFunc;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};
use fields::Moment;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use pattern::Pattern;
use std::sync::Arc;

/// The function.
pub(super) fn to_char() -> ScalarUDF {
    ScalarUDF::from(ToChar(ToCharFunc::new()))
}

/// The library's, but for patterns of PostgreSQL.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ToChar(ToCharFunc);

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [times, patterns] = args.args.as_slice() else { return exec_err!("`to_char` takes a time and a pattern") };
        let is_length = matches!(times.data_type(), DataType::Duration(_));
        match patterns {
            ColumnarValue::Scalar(pattern) => {
                let Some(Some(pattern)) = pattern.try_as_str() else {
                    return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None)));
                };
                if is_of_the_library(pattern, is_length)? {
                    return self.0.invoke_with_args(args);
                }
                let pattern = parsed(pattern)?;
                match times {
                    ColumnarValue::Scalar(time) => {
                        let written = written(&time.to_array()?, |_| Some(&pattern))?;
                        Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&written, 0)?))
                    }
                    ColumnarValue::Array(times) => Ok(ColumnarValue::Array(written(times, |_| Some(&pattern))?)),
                }
            }
            ColumnarValue::Array(array) => {
                let array = cast(array, &DataType::Utf8)?;
                let texts = array.as_string::<i32>();
                let of_library = texts
                    .iter()
                    .flatten()
                    .map(|text| is_of_the_library(text, is_length))
                    .collect::<Result<Vec<_>>>()?;
                if of_library.iter().all(|of_library| *of_library) {
                    return self.0.invoke_with_args(args);
                }
                if of_library.contains(&true) {
                    return exec_err!("`to_char` takes patterns with `%` or patterns without, not both in one column");
                }
                let patterns = texts.iter().map(|text| text.map(parsed).transpose()).collect::<Result<Vec<_>>>()?;
                let times = times.to_array(patterns.len())?;
                Ok(ColumnarValue::Array(written(&times, |row| patterns[row].as_ref())?))
            }
        }
    }
}

/// Whether a pattern is the library's: C's for times, and two words for lengths of time.
fn is_of_the_library(pattern: &str, is_length: bool) -> Result<bool> {
    if is_length && ["iso8601", "pretty"].iter().any(|word| pattern.eq_ignore_ascii_case(word)) {
        return Ok(true);
    }
    if is_length && pattern.contains('%') {
        return exec_err!("a length of time has no patterns with `%`; write to_char(x, 'HH24:MI:SS')");
    }
    Ok(pattern.contains('%'))
}

fn parsed(text: &str) -> Result<Pattern> {
    Pattern::parse(text)
        .map_err(|wrong| DataFusionError::Execution(format!("the pattern '{text}' of `to_char`: {wrong}")))
}

/// Times as texts, each by the pattern of its row; null where there is none.
fn written<'a>(times: &ArrayRef, pattern: impl Fn(usize) -> Option<&'a Pattern>) -> Result<ArrayRef> {
    let ty = times.data_type().clone();
    let zone = match &ty {
        DataType::Timestamp(_, Some(zone)) => Some(zone_of(zone)?),
        _ => None,
    };
    let counts = cast(times, &DataType::Int64)?;
    let counts = counts.as_primitive::<Int64Type>();
    let mut texts: Vec<Option<String>> = Vec::with_capacity(counts.len());
    for (row, count) in counts.iter().enumerate() {
        let text = match (count, pattern(row)) {
            (Some(count), Some(pattern)) => {
                let text = moment(&ty, count, zone.as_ref()).and_then(|moment| pattern.write(&moment));
                Some(text.map_err(|wrong| DataFusionError::Execution(format!("`to_char`: {wrong}")))?)
            }
            _ => None,
        };
        texts.push(text);
    }
    Ok(Arc::new(StringArray::from(texts)))
}

/// A value of a column as its parts.
fn moment(ty: &DataType, count: i64, zone: Option<&TimeZone>) -> std::result::Result<Moment, String> {
    const DAY: i128 = 86_400_000_000_000;
    let each = match ty {
        DataType::Date32 => DAY,
        DataType::Date64 => 1_000_000,
        DataType::Timestamp(unit, _) | DataType::Time32(unit) | DataType::Time64(unit) | DataType::Duration(unit) => {
            i128::from(nanoseconds(*unit))
        }
        other => return Err(format!("a {other} is no time")),
    };
    let ns = i128::from(count) * each;
    if matches!(ty, DataType::Duration(_)) {
        return Ok(Moment::Length(ns));
    }
    let at = Timestamp::from_nanosecond(ns).map_err(|_| "a time is beyond the calendar".to_owned())?;
    let Some(zone) = zone else {
        let at = TimeZone::UTC.to_datetime(at);
        return Ok(match ty {
            DataType::Time32(_) | DataType::Time64(_) => Moment::Hour(at.time()),
            _ => Moment::Local(at),
        });
    };
    let info = zone.to_offset_info(at);
    Ok(Moment::Zoned {
        local: zone.to_datetime(at),
        offset_seconds: info.offset().seconds(),
        zone: info.abbreviation().to_owned(),
    })
}

/// A zone by its name, or by how far it is from UTC (`+02:00`).
fn zone_of(name: &str) -> Result<TimeZone> {
    if let Ok(zone) = TimeZoneDatabase::bundled().get(name) {
        return Ok(zone);
    }
    // What the clock of a zone shows at the beginning of 1970 in it is as far from UTC as the zone is.
    let begins = format!("1970-01-01T00:00:00{name}").parse::<Timestamp>();
    let offset = begins.ok().and_then(|at| {
        let seconds = -SignedDuration::from_nanos(i64::try_from(at.as_nanosecond()).ok()?).as_secs();
        Offset::from_seconds(i32::try_from(seconds).ok()?).ok()
    });
    match offset {
        Some(offset) => Ok(TimeZone::fixed(offset)),
        None => exec_err!("there is no time zone `{name}`"),
    }
}

#[cfg(test)]
mod tests;
