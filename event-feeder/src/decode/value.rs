//! The meaning of a captured value for the type that is wanted.
//!
//! * An `int` takes any number whose value is a whole number of 64 bits: `3`, `3.0`, `3e2`; never by way of a float.
//! * A `float` takes any number that rounds to a finite one. `-0.0` is taken as `0.0`.
//! * A text of JSON that is a number in JSON's own notation is that number, and `"true"` and `"false"` are truth values:
//!   many producers write all values as texts. Blanks, signs and zeros before it make it no number.
//! * A cell of CSV is what the column's type makes of it; blanks around numbers and truth values do not count.
//! * A key is a text that is not empty, a whole number as it is written (of any length), or a truth value.

use super::cell::CapturedKind;
use super::fields::Fields;
use super::number::{DecimalText, Scaled, short_integer};
use super::time::{Bad, Odd, numeric, rfc3339};
use crate::RecordCode;
use timeline_core::plan::TimeUnit;
use timeline_core::record::Order;
use timeline_core::{Time, Type};

/// Reads a time that is a short whole number of units, as nearly all are; `None` leaves it to [`time`].
#[inline]
pub(crate) fn whole_time(text: &[u8], fields: &Fields) -> Option<Time> {
    short_integer(text)?.checked_mul(fields.tick?)
}

/// Reads a time; `preceding` is that of the record before it, as far as one is known.
#[inline(never)]
pub(crate) fn time(
    kind: CapturedKind,
    text: &[u8],
    fields: &Fields,
    preceding: Option<Time>,
) -> Result<(Time, Odd), Bad> {
    if kind == CapturedKind::Number
        && let Some(time) = whole_time(text, fields)
    {
        return Ok((time, Odd::No));
    }
    let bad = |reason: &'static str| Err((RecordCode::BadTime, reason.into()));
    let count = |text: &[u8]| numeric(text, &fields.unit).map(|time| (time, Odd::No));
    if kind == CapturedKind::Instant {
        return numeric(text, &TimeUnit::Nanoseconds).map(|time| (time, Odd::No));
    }
    if let (Some(form), CapturedKind::Text | CapturedKind::Bare | CapturedKind::Number) = (&fields.form, kind) {
        return form.read(text, preceding);
    }
    match kind {
        CapturedKind::Number => count(text),
        CapturedKind::Text if fields.unit == TimeUnit::Rfc3339 => rfc3339(text),
        CapturedKind::Bare if fields.unit == TimeUnit::Rfc3339 => rfc3339(text.trim_ascii()),
        CapturedKind::Text if DecimalText::is_plain(text) => count(text),
        CapturedKind::Bare => count(text.trim_ascii()),
        CapturedKind::Missing | CapturedKind::Empty => bad("the time is missing"),
        CapturedKind::Null => bad("the time is null"),
        CapturedKind::Text
        | CapturedKind::True
        | CapturedKind::False
        | CapturedKind::Instant
        | CapturedKind::BadText
        | CapturedKind::Composite
        | CapturedKind::Foreign => bad("neither a number nor text of the source's unit"),
    }
}

/// Whether a value can be a key; if so its text is the key, but for [`CapturedKind::True`] and [`CapturedKind::False`].
pub(crate) fn check_key(kind: CapturedKind, text: &[u8]) -> Result<(), Bad> {
    let bad = |reason: &'static str| Err((RecordCode::BadKey, reason.into()));
    match kind {
        CapturedKind::Text | CapturedKind::Bare if text.is_empty() => bad("the key is empty"),
        CapturedKind::Text | CapturedKind::Bare | CapturedKind::Number if text.len() > TEXT_MAX => Err(long_key()),
        CapturedKind::Text | CapturedKind::Bare | CapturedKind::True | CapturedKind::False => Ok(()),
        CapturedKind::Number if text.iter().all(|b| b.is_ascii_digit() || *b == b'-') => Ok(()),
        CapturedKind::Number => bad("a key that is a number must be a whole one"),
        CapturedKind::Missing | CapturedKind::Empty => bad("the key is missing"),
        CapturedKind::Null => bad("the key is null"),
        CapturedKind::BadText => bad("the key has an escape that is no Unicode character"),
        CapturedKind::Composite | CapturedKind::Foreign | CapturedKind::Instant => {
            bad("the key is neither text, a whole number nor a truth value")
        }
    }
}

pub(crate) fn long_key() -> Bad {
    (RecordCode::LongKey, "a key of more than 64 KiB".into())
}

/// Reads the order among equal times.
pub(crate) fn order(kind: CapturedKind, text: &[u8], ty: Type) -> Result<Order, Bad> {
    match ty {
        Type::Int => int(kind, text).map(Order::int),
        _ => float(kind, text).map(Order::float),
    }
}

/// Reads an int.
pub(crate) fn int(kind: CapturedKind, text: &[u8]) -> Result<i64, Bad> {
    let text = number_text(kind, text, Type::Int)?;
    if let Some(value) = short_integer(text) {
        return Ok(value);
    }
    match DecimalText::parse(text).map(|decimal| decimal.scaled(0)) {
        Some(Scaled::Exact(value)) => i64::try_from(value).map_err(|_| out_of_range(Type::Int)),
        Some(Scaled::Huge) => Err(out_of_range(Type::Int)),
        Some(Scaled::Floor(_)) => Err((RecordCode::WrongType, "a fraction where an int is expected".into())),
        None => Err(no_number(kind, text, Type::Int)),
    }
}

/// Reads the value of an int column, which does not hold the least 64-bit integer: its word stands for absence.
pub(crate) fn int_value(kind: CapturedKind, text: &[u8]) -> Result<i64, Bad> {
    let value = int(kind, text)?;
    if value == i64::MIN { Err(out_of_range(Type::Int)) } else { Ok(value) }
}

/// Reads a float.
pub(crate) fn float(kind: CapturedKind, text: &[u8]) -> Result<f64, Bad> {
    let text = number_text(kind, text, Type::Float)?;
    match std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()) {
        Some(value) if value.is_finite() => Ok(value + 0.0),
        Some(_) if is_not_finite(text) => Err(not_finite()),
        Some(_) => Err(out_of_range(Type::Float)),
        None => Err(no_number(kind, text, Type::Float)),
    }
}

/// Reads a bool.
pub(crate) fn bool(kind: CapturedKind, text: &[u8]) -> Result<bool, Bad> {
    match kind {
        CapturedKind::True => Ok(true),
        CapturedKind::False => Ok(false),
        CapturedKind::Text if text == b"true" => Ok(true),
        CapturedKind::Text if text == b"false" => Ok(false),
        CapturedKind::Bare if text.trim_ascii().eq_ignore_ascii_case(b"true") => Ok(true),
        CapturedKind::Bare if text.trim_ascii().eq_ignore_ascii_case(b"false") => Ok(false),
        _ => Err(wrong_type(kind, Type::Bool)),
    }
}

/// The longest text that a column or a key holds, in bytes.
pub(crate) const TEXT_MAX: usize = 64 << 10;

/// Whether a value is a string that a column holds.
pub(crate) fn check_string(kind: CapturedKind, length: usize) -> Result<(), Bad> {
    match kind {
        CapturedKind::Text | CapturedKind::Bare if length > TEXT_MAX => {
            Err((RecordCode::LongText, "a string of more than 64 KiB".into()))
        }
        CapturedKind::Text | CapturedKind::Bare => Ok(()),
        _ => Err(wrong_type(kind, Type::String)),
    }
}

fn number_text(kind: CapturedKind, text: &[u8], ty: Type) -> Result<&[u8], Bad> {
    match kind {
        CapturedKind::Number | CapturedKind::Instant => Ok(text),
        CapturedKind::Bare => Ok(text.trim_ascii()),
        CapturedKind::Text if is_json_number(text) => Ok(text),
        CapturedKind::Text => Err(no_number(kind, text, ty)),
        _ => Err(wrong_type(kind, ty)),
    }
}

/// Whether a text is `-? (0 | [1-9] digits) (. digits)? ([eE] [+-]? digits)?`, as JSON writes numbers.
fn is_json_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, mut rest) = text.split_at(digits(text));
    if whole.is_empty() || whole.len() > 1 && whole[0] == b'0' {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        rest = &fraction[count..];
        if count == 0 {
            return false;
        }
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or(rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let count = digits(exponent);
        rest = &exponent[count..];
        if count == 0 {
            return false;
        }
    }
    rest.is_empty()
}

/// Why a text is no number.
fn no_number(kind: CapturedKind, text: &[u8], ty: Type) -> Bad {
    if is_not_finite(text) { not_finite() } else { wrong_type(kind, ty) }
}

/// Whether the library for floats would read the text as NaN or an infinity by name.
fn is_not_finite(text: &[u8]) -> bool {
    let name = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    [&b"nan"[..], b"inf", b"infinity"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn not_finite() -> Bad {
    (RecordCode::NotFinite, "NaN or an infinity".into())
}

fn out_of_range(ty: Type) -> Bad {
    (
        RecordCode::OutOfRange,
        format!("a number beyond what {} {ty} holds", if ty == Type::Int { "an" } else { "a" }).into(),
    )
}

/// Why a value of a type of Parquet, which is named, is none of a column.
pub(crate) fn foreign(name: &[u8], ty: Type) -> Bad {
    let (name, article) = (String::from_utf8_lossy(name), if ty == Type::Int { "an" } else { "a" });
    let instead = match ty {
        Type::String => "text",
        Type::Bool => "truth values",
        Type::Float | Type::Int => "numbers, with the unit in its name where they have one",
    };
    let reason = format!(
        "a value of Parquet's type {name}, which is not read, where {article} {ty} is expected: write the column as {instead}"
    );
    (RecordCode::WrongType, reason.into())
}

fn wrong_type(kind: CapturedKind, ty: Type) -> Bad {
    let found = match kind {
        CapturedKind::Text => "a string",
        CapturedKind::Bare => "other text",
        CapturedKind::Number => "a number",
        CapturedKind::True | CapturedKind::False => "a truth value",
        CapturedKind::Instant => "an instant",
        CapturedKind::BadText => {
            return (RecordCode::BadText, "text with an escape that is no Unicode character".into());
        }
        CapturedKind::Composite => "an object or an array",
        CapturedKind::Foreign => "a value of another type",
        CapturedKind::Missing | CapturedKind::Empty | CapturedKind::Null => "nothing",
    };
    let article = if ty == Type::Int { "an" } else { "a" };
    (RecordCode::WrongType, format!("{found} where {article} {ty} is expected").into())
}
