//! Values that a client sends for `$1`, `$2` ..., as texts with the names of their types.

use super::error::PostgresError;
use super::numeric;
use crate::sql::StatementParameter;
use crate::sql::types;

/// A value of a type (0 where the statement decides), in text or in binary.
pub(super) fn parameter(oid: u32, binary: bool, value: Option<&[u8]>) -> Result<StatementParameter, PostgresError> {
    // What is `unknown` has its type from what it is compared with, and so has an array from its elements.
    let ty = types::by_oid(oid).filter(|ty| ty.name != "unknown").map(|ty| ty.sql.to_owned());
    let Some(value) = value else { return Ok(StatementParameter { ty, text: None }) };
    let text = if binary { in_binary(oid, value) } else { std::str::from_utf8(value).ok().map(str::to_owned) };
    match text {
        Some(text) => Ok(StatementParameter { ty, text: Some(text) }),
        None if binary => Err(PostgresError::new(
            "22P03",
            format!("a parameter of type {} is not as that is in binary", types::written(oid, -1)),
        )),
        None => Err(PostgresError::new("22021", "a parameter is not UTF-8")),
    }
}

fn in_binary(oid: u32, value: &[u8]) -> Option<String> {
    if let Some(of) = types::all().into_iter().find(|ty| ty.array == oid && oid != 0) {
        return array(of.oid, value);
    }
    Some(match types::by_oid(oid)?.name {
        "bool" => match value {
            [0] => "false".into(),
            [1] => "true".into(),
            _ => return None,
        },
        "int2" => i16::from_be_bytes(value.try_into().ok()?).to_string(),
        "int4" => i32::from_be_bytes(value.try_into().ok()?).to_string(),
        "int8" => i64::from_be_bytes(value.try_into().ok()?).to_string(),
        "oid" => u32::from_be_bytes(value.try_into().ok()?).to_string(),
        "float4" => f32::from_be_bytes(value.try_into().ok()?).to_string(),
        "float8" => f64::from_be_bytes(value.try_into().ok()?).to_string(),
        "numeric" => numeric::read(value)?,
        "date" => {
            let days = i64::from(i32::from_be_bytes(value.try_into().ok()?));
            let day = jiff::civil::date(2000, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
            day.to_string()
        }
        "time" => {
            let micros = i64::from_be_bytes(value.try_into().ok()?);
            let span = jiff::Span::new().try_microseconds(micros).ok()?;
            jiff::civil::Time::midnight().checked_add(span).ok()?.to_string()
        }
        name @ ("timestamp" | "timestamptz") => {
            let micros = i64::from_be_bytes(value.try_into().ok()?).checked_add(946_684_800_000_000)?;
            let time = jiff::Timestamp::from_microsecond(micros).ok()?.to_string();
            if name == "timestamp" { time.trim_end_matches('Z').to_owned() } else { time }
        }
        "interval" => {
            let (micros, rest) = value.split_first_chunk::<8>()?;
            let (days, months) = rest.split_first_chunk::<4>()?;
            let (days, months) = (i32::from_be_bytes(*days), i32::from_be_bytes(months.try_into().ok()?));
            format!("{months} months {days} days {} microseconds", i64::from_be_bytes(*micros))
        }
        "uuid" => {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            if hex.len() != 32 {
                return None;
            }
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        }
        "jsonb" => String::from_utf8(value.strip_prefix(&[1])?.to_vec()).ok()?,
        "bytea" => return None,
        _ => String::from_utf8(value.to_vec()).ok()?,
    })
}

/// An array as it is written: `{a,b}`.
fn array(of: u32, value: &[u8]) -> Option<String> {
    let word = |at: usize| value.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    if word(0)? == 0 {
        return Some("{}".into());
    }
    let (dimensions, count) = (word(0)?, word(12)? as usize);
    if dimensions != 1 || count > value.len() {
        return None;
    }
    let mut at = 20;
    let mut texts = vec![];
    for _ in 0..count {
        let length = word(at)?;
        at += 4;
        if length == u32::MAX {
            return None;
        }
        let end = at.checked_add(length as usize)?;
        texts.push(in_binary(of, value.get(at..end)?)?);
        at = end;
    }
    Some(format!("{{{}}}", texts.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(oid: u32, bytes: &[u8], expect: Option<&str>) {
        let found = parameter(oid, true, Some(bytes)).ok().and_then(|parameter| parameter.text);
        assert_eq!(found.as_deref(), expect, "{oid} {bytes:?}");
    }

    #[test]
    fn values_in_binary_are_read_and_broken_ones_refused() {
        check(16, &[1], Some("true"));
        check(16, &[2], None);
        check(23, &[0xff; 4], Some("-1"));
        check(23, &[0; 3], None);
        check(701, &1.5_f64.to_be_bytes(), Some("1.5"));
        check(1082, &(-1_i32).to_be_bytes(), Some("1999-12-31"));
        check(1082, &i32::MAX.to_be_bytes(), None);
        check(1114, &1_i64.to_be_bytes(), Some("2000-01-01T00:00:00.000001"));
        check(1184, &0_i64.to_be_bytes(), Some("2000-01-01T00:00:00Z"));
        check(1184, &i64::MAX.to_be_bytes(), None);
        check(1700, &[0, 2, 0, 0, 0, 0, 0, 1, 0, 12, 0x13, 0x88], Some("12.5"));
        check(25, "é".as_bytes(), Some("é"));
        check(25, &[0xff], None);
        let two = [
            0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, 8,
        ];
        check(1007, &two, Some("{7,8}"));
        check(1007, &two[..30], None);
        assert_eq!(parameter(705, false, Some(b"x")).unwrap().ty, None);
        assert_eq!(parameter(23, false, None).unwrap(), StatementParameter { ty: Some("integer".into()), text: None });
    }
}
