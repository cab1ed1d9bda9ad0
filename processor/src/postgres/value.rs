//! Values of rows as the protocol has them, as text and in binary.
//!
//! Times have microseconds there; what is finer is cut off, and `CAST(start AS BIGINT)` has every nanosecond.

use super::numeric;
use crate::sql::types::{self, PgType, nanoseconds};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    IntervalUnit, Time64MicrosecondType, TimeUnit, UInt32Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::io::Write;

/// Days from 1970 to 2000, from which binary dates count.
const DAYS: i32 = 10_957;
/// The same in microseconds.
const MICROS: i64 = DAYS as i64 * 86_400_000_000;

/// What appends a value of a row to a message, without its length.
type Append<'a> = Box<dyn Fn(usize, &mut Vec<u8>) -> Result<(), String> + 'a>;

/// A column of some rows.
pub(super) struct ResultColumn<'a> {
    array: &'a dyn Array,
    append: Append<'a>,
}

impl ResultColumn<'_> {
    /// Appends the value of a row by itself; false if there is none.
    pub(super) fn append(&self, row: usize, out: &mut Vec<u8>) -> Result<bool, String> {
        if self.array.is_null(row) {
            return Ok(false);
        }
        (self.append)(row, out).map(|()| true)
    }

    /// Appends the value of a row, with its length before it.
    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), String> {
        if self.array.is_null(row) {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            return Ok(());
        }
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        (self.append)(row, out)?;
        let length = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// An array as one that [`column`] writes: of few types instead of many.
pub(super) fn simple(array: &ArrayRef) -> Result<ArrayRef, String> {
    let (ty, is_array) = types::of(array.data_type());
    let to = match array.data_type() {
        DataType::List(_) if is_array => return Ok(array.clone()),
        DataType::LargeList(of) | DataType::FixedSizeList(of, _) if is_array => DataType::List(of.clone()),
        DataType::Duration(_) => return Ok(array.clone()),
        DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        _ => match ty.name {
            "int2" => DataType::Int16,
            "int4" => DataType::Int32,
            "float4" => DataType::Float32,
            "date" => DataType::Date32,
            "time" => DataType::Time64(TimeUnit::Microsecond),
            "bytea" => DataType::Binary,
            "text"
                if matches!(
                    array.data_type(),
                    DataType::Utf8View | DataType::LargeUtf8 | DataType::Dictionary(..) | DataType::Null
                ) =>
            {
                DataType::Utf8
            }
            _ if matches!(array.data_type(), DataType::Dictionary(_, of) if **of != DataType::Utf8) => {
                let DataType::Dictionary(_, of) = array.data_type() else { return Ok(array.clone()) };
                (**of).clone()
            }
            _ => return Ok(array.clone()),
        },
    };
    cast(array, &to).map_err(|error| error.to_string())
}

/// A column as text or, if `binary`, in binary.
pub(super) fn column<'a>(array: &'a dyn Array, binary: bool) -> Result<ResultColumn<'a>, String> {
    let (ty, is_array) = types::of(array.data_type());
    let append = match (is_array, binary) {
        (true, binary) => list(array, ty, binary)?,
        (false, true) => in_binary(array)?,
        (false, false) => as_text(array)?,
    };
    Ok(ResultColumn { array, append })
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) -> Result<(), String> {
    out.write_fmt(text).map_err(|error| error.to_string())
}

fn as_text<'a>(array: &'a dyn Array) -> Result<Append<'a>, String> {
    Ok(match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(|row, out| {
                out.push(if array.value(row) { b't' } else { b'f' });
                Ok(())
            })
        }
        DataType::Int64 => {
            let array = array.as_primitive::<Int64Type>();
            Box::new(|row, out| put(out, format_args!("{}", array.value(row))))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            Box::new(|row, out| float(array.value(row), out))
        }
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            Box::new(|row, out| match array.value(row) {
                x if x.is_finite() => put(out, format_args!("{x}")),
                x => float(f64::from(x), out),
            })
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            Box::new(|row, out| {
                out.extend_from_slice(array.value(row).as_bytes());
                Ok(())
            })
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            Box::new(|row, out| {
                out.extend_from_slice(b"\\x");
                array.value(row).iter().try_for_each(|byte| put(out, format_args!("{byte:02x}")))
            })
        }
        DataType::Date32 => {
            let array = array.as_primitive::<Date32Type>();
            Box::new(|row, out| {
                let days = i64::from(array.value(row));
                date_and_time(days.checked_mul(86_400_000_000).ok_or("a date is out of range")?, out, true)
            })
        }
        DataType::Timestamp(unit, zone) => {
            let (array, has_zone) = (micros(array, *unit)?, zone.is_some());
            Box::new(move |row, out| {
                date_and_time(array[row].ok_or("a time is out of range")?, out, false)?;
                if has_zone {
                    out.extend_from_slice(b"+00");
                }
                Ok(())
            })
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let array = array.as_primitive::<IntervalMonthDayNanoType>();
            Box::new(|row, out| {
                let length = array.value(row);
                length_of_time(length.months, length.days, length.nanoseconds / 1000, out)
            })
        }
        DataType::Duration(_) => {
            let lengths = lengths(array)?;
            Box::new(move |row, out| {
                let (days, micros) = lengths[row];
                length_of_time(0, days, micros, out)
            })
        }
        _ => {
            let options = FormatOptions::new().with_display_error(false);
            let owned = ArrayFormatter::try_new(array, &options_of(options)).map_err(|error| error.to_string())?;
            Box::new(move |row, out| put(out, format_args!("{}", owned.value(row))))
        }
    })
}

/// The options, which live as long as they are needed.
fn options_of(options: FormatOptions<'static>) -> FormatOptions<'static> {
    options
}

fn in_binary<'a>(array: &'a dyn Array) -> Result<Append<'a>, String> {
    macro_rules! plain {
        ($ty:ty) => {{
            let array = array.as_primitive::<$ty>();
            Box::new(|row, out: &mut Vec<u8>| {
                out.extend_from_slice(&array.value(row).to_be_bytes());
                Ok(())
            })
        }};
    }
    Ok(match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(|row, out| {
                out.push(u8::from(array.value(row)));
                Ok(())
            })
        }
        DataType::Int16 => plain!(Int16Type),
        DataType::Int32 => plain!(Int32Type),
        DataType::Int64 => plain!(Int64Type),
        DataType::UInt32 => plain!(UInt32Type),
        DataType::Float32 => plain!(Float32Type),
        DataType::Float64 => plain!(Float64Type),
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            Box::new(|row, out| {
                out.extend_from_slice(array.value(row));
                Ok(())
            })
        }
        DataType::Date32 => {
            let array = array.as_primitive::<Date32Type>();
            Box::new(|row, out| {
                let days = array.value(row).checked_sub(DAYS).ok_or("a date is out of range")?;
                out.extend_from_slice(&days.to_be_bytes());
                Ok(())
            })
        }
        DataType::Time64(TimeUnit::Microsecond) => plain!(Time64MicrosecondType),
        DataType::Timestamp(unit, _) => {
            let array = micros(array, *unit)?;
            Box::new(move |row, out| {
                let micros =
                    array[row].and_then(|micros| micros.checked_sub(MICROS)).ok_or("a time is out of range")?;
                out.extend_from_slice(&micros.to_be_bytes());
                Ok(())
            })
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let array = array.as_primitive::<IntervalMonthDayNanoType>();
            Box::new(|row, out| {
                let length = array.value(row);
                binary_length(length.months, length.days, length.nanoseconds / 1000, out);
                Ok(())
            })
        }
        DataType::Duration(_) => {
            let lengths = lengths(array)?;
            Box::new(move |row, out| {
                let (days, micros) = lengths[row];
                binary_length(0, days, micros, out);
                Ok(())
            })
        }
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::UInt64 => {
            let text = as_text(array)?;
            Box::new(move |row, out| {
                let mut written = vec![];
                text(row, &mut written)?;
                numeric::write(std::str::from_utf8(&written).unwrap_or_default(), out)
            })
        }
        // Texts are the same in both.
        _ => as_text(array)?,
    })
}

/// Times in microseconds, rounded down; `None` for what is too far away.
fn micros(array: &dyn Array, unit: TimeUnit) -> Result<Vec<Option<i64>>, String> {
    let whole = cast(array, &DataType::Int64).map_err(|error| error.to_string())?;
    let whole = whole.as_primitive::<Int64Type>();
    let ns = nanoseconds(unit);
    let micros = |x: i64| if ns >= 1000 { x.checked_mul(ns / 1000) } else { Some(x.div_euclid(1000 / ns)) };
    Ok((0..whole.len()).map(|row| if whole.is_null(row) { None } else { micros(whole.value(row)) }).collect())
}

/// Lengths as days and microseconds.
fn lengths(array: &dyn Array) -> Result<Vec<(i32, i64)>, String> {
    let DataType::Duration(unit) = array.data_type() else { return Err("no length of time".into()) };
    let ns = i128::from(nanoseconds(*unit));
    let whole = cast(array, &DataType::Int64).map_err(|error| error.to_string())?;
    let whole = whole.as_primitive::<Int64Type>();
    let parts = |x: i64| {
        let micros = i128::from(x) * ns / 1000;
        let day = 86_400_000_000_i128;
        (i32::try_from(micros / day).unwrap_or(i32::MAX), (micros % day) as i64)
    };
    Ok((0..whole.len()).map(|row| if whole.is_null(row) { (0, 0) } else { parts(whole.value(row)) }).collect())
}

fn float(x: f64, out: &mut Vec<u8>) -> Result<(), String> {
    if x.is_nan() {
        out.extend_from_slice(b"NaN");
        return Ok(());
    }
    if x.is_infinite() {
        out.extend_from_slice(if x > 0.0 { b"Infinity" } else { b"-Infinity" });
        return Ok(());
    }
    match x.abs() {
        0.0 | 1e-5..1e15 => put(out, format_args!("{x}")),
        _ => put(out, format_args!("{x:e}")),
    }
}

/// A date, and unless it is one alone the time of day.
fn date_and_time(micros: i64, out: &mut Vec<u8>, is_date: bool) -> Result<(), String> {
    let (days, of_day) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    // The calendar in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (shown, before) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    put(out, format_args!("{shown:04}-{month:02}-{day:02}"))?;
    if !is_date {
        out.push(b' ');
        time_of_day(of_day, out)?;
    }
    out.extend_from_slice(before.as_bytes());
    Ok(())
}

fn time_of_day(micros: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let seconds = micros / 1_000_000;
    put(out, format_args!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))?;
    match micros % 1_000_000 {
        0 => Ok(()),
        fraction => {
            let digits = format!("{fraction:06}");
            put(out, format_args!(".{}", digits.trim_end_matches('0')))
        }
    }
}

/// As PostgreSQL writes lengths of time: `1 year 2 mons 3 days 04:05:06.7`.
fn length_of_time(months: i32, days: i32, micros: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let start = out.len();
    let many = |n: i32| if n == 1 { "" } else { "s" };
    for (n, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if n != 0 {
            let blank = if out.len() > start { " " } else { "" };
            put(out, format_args!("{blank}{n} {unit}{}", many(n)))?;
        }
    }
    if micros != 0 || out.len() == start {
        let blank = if out.len() > start { " " } else { "" };
        put(out, format_args!("{blank}{}", if micros < 0 { "-" } else { "" }))?;
        time_of_day(i64::try_from(micros.unsigned_abs()).unwrap_or(i64::MAX), out)?;
    }
    Ok(())
}

fn binary_length(months: i32, days: i32, micros: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&micros.to_be_bytes());
    out.extend_from_slice(&days.to_be_bytes());
    out.extend_from_slice(&months.to_be_bytes());
}

/// A list as an array of one dimension.
fn list<'a>(array: &'a dyn Array, ty: &'static PgType, binary: bool) -> Result<Append<'a>, String> {
    if !matches!(array.data_type(), DataType::List(_)) {
        return Err("an array of this form is not shown".into());
    }
    let lists = array.as_list::<i32>();
    let values = simple(lists.values())?;
    Ok(Box::new(move |row, out| {
        let offsets = lists.value_offsets();
        let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        let values = values.slice(start, end - start);
        let column = column(&*values, binary)?;
        if binary {
            let count = values.len() as u32;
            for part in [u32::from(count > 0), u32::from(values.null_count() > 0), ty.oid] {
                out.extend_from_slice(&part.to_be_bytes());
            }
            if count > 0 {
                out.extend_from_slice(&count.to_be_bytes());
                out.extend_from_slice(&1_u32.to_be_bytes());
            }
            return (0..values.len()).try_for_each(|i| column.write(i, out));
        }
        out.push(b'{');
        for i in 0..values.len() {
            if i > 0 {
                out.push(b',');
            }
            if values.is_null(i) {
                out.extend_from_slice(b"NULL");
                continue;
            }
            let mut text = vec![];
            (column.append)(i, &mut text)?;
            element(&text, out);
        }
        out.push(b'}');
        Ok(())
    }))
}

/// An element of an array as text, in quotes where it must be.
fn element(text: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| b"{}\",\\".contains(byte) || byte.is_ascii_whitespace();
    if !text.is_empty() && !text.iter().any(special) && !text.eq_ignore_ascii_case(b"null") {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
