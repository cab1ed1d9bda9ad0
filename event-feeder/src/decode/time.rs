//! Event times, to the nanosecond.
//!
//! RFC 3339 is read by hand: it is most of the cost of a record that carries such a time, and the two liberties that the
//! language takes (a space for `T`, UTC where no offset stands) are the usual ones in logs.
//! A leap second (`:60`) is the first instant of the next minute, as in Unix time.

use super::number::{Decimal, Scaled, short_integer};
use crate::Code;
use std::borrow::Cow;
use timeline_core::Time;
use timeline_core::plan::TimeUnit;

/// Why a value is of no use.
pub(crate) type Bad = (Code, Cow<'static, str>);

/// Reads a number of units; in seconds a fraction is allowed, and cut off below the nanosecond.
pub(crate) fn numeric(text: &[u8], unit: TimeUnit) -> Result<Time, Bad> {
    let Some(nanoseconds) = unit.nanoseconds() else {
        return Err((Code::BadTime, "a number where RFC 3339 text is expected".into()));
    };
    if let Some(count) = short_integer(text) {
        return count.checked_mul(nanoseconds).ok_or_else(out_of_range);
    }
    let Some(decimal) = Decimal::parse(text) else {
        return Err((Code::BadTime, format!("not a number of {}", unit.name()).into()));
    };
    let scaled = match unit {
        TimeUnit::Seconds => match decimal.scaled(9) {
            Scaled::Floor(value) => Scaled::Exact(value),
            scaled => scaled,
        },
        _ => decimal.scaled(i64::from(nanoseconds.ilog10())),
    };
    match scaled {
        Scaled::Exact(value) if value % i128::from(nanoseconds) == 0 || unit == TimeUnit::Seconds => {
            Time::try_from(value).map_err(|_| out_of_range())
        }
        Scaled::Huge => Err(out_of_range()),
        _ => Err((Code::BadTime, format!("a fraction of a unit ({})", unit.name()).into())),
    }
}

/// Reads RFC 3339 text.
pub(crate) fn rfc3339(text: &[u8]) -> Result<Time, Bad> {
    let (seconds, nanoseconds) = parse(text).ok_or((Code::BadTime, Cow::from("not a time of RFC 3339")))?;
    Time::try_from(i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)).map_err(|_| out_of_range())
}

fn out_of_range() -> Bad {
    (Code::TimeOutOfRange, "beyond what 64 bits of nanoseconds hold".into())
}

/// Seconds since the epoch and nanoseconds.
fn parse(text: &[u8]) -> Option<(i64, u32)> {
    let (head, mut rest) = text.split_at_checked(19)?;
    let [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't' | b' ', _, _, b':', _, _, b':', _, _] = head else {
        return None;
    };
    let year = two(head, 0)? * 100 + two(head, 2)?;
    let (month, day) = (two(head, 5)?, two(head, 8)?);
    let (hour, minute, second) = (two(head, 11)?, two(head, 14)?, two(head, 17)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut nanoseconds = 0;
    if let Some((b'.', tail)) = rest.split_first() {
        let count = tail.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        nanoseconds = tail[..count].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')) * 10u32.pow(9 - count as u32);
        rest = &tail[count..];
    }
    let offset = match rest {
        [] | [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (two(rest, 1)?, two(rest, 4)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    Some((days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset, nanoseconds))
}

fn two(text: &[u8], at: usize) -> Option<i64> {
    let (a, b) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    (a <= 9 && b <= 9).then(|| i64::from(a) * 10 + i64::from(b))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar; years are counted from March, so that the leap day comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_each_unit() {
        use TimeUnit::*;
        for (text, unit, want) in [
            ("1700000000123", Milliseconds, Ok(1_700_000_000_123_000_000)),
            ("1700000000123.0", Milliseconds, Ok(1_700_000_000_123_000_000)),
            ("1.7e12", Milliseconds, Ok(1_700_000_000_000_000_000)),
            ("-5", Microseconds, Ok(-5000)),
            ("1.5", Milliseconds, Err(Code::BadTime)),
            ("0.5", Nanoseconds, Err(Code::BadTime)),
            ("1.5", Seconds, Ok(1_500_000_000)),
            ("1700000000.123456789", Seconds, Ok(1_700_000_000_123_456_789)),
            ("0.30000000000000004", Seconds, Ok(300_000_000)),
            ("-0.0000000001", Seconds, Ok(-1)),
            ("9223372036854775807", Nanoseconds, Ok(i64::MAX)),
            ("-9223372036854775808", Nanoseconds, Ok(i64::MIN)),
            ("9223372036854775808", Nanoseconds, Err(Code::TimeOutOfRange)),
            ("9223372036.854775808", Seconds, Err(Code::TimeOutOfRange)),
            ("17000000001230", Milliseconds, Err(Code::TimeOutOfRange)),
            ("1e400", Seconds, Err(Code::TimeOutOfRange)),
            ("NaN", Seconds, Err(Code::BadTime)),
            ("12", Rfc3339, Err(Code::BadTime)),
        ] {
            assert_eq!(numeric(text.as_bytes(), unit).map_err(|bad| bad.0), want, "{text} {}", unit.name());
        }
    }

    #[test]
    fn rfc3339_and_its_liberties() {
        for (text, want) in [
            ("1970-01-01T00:00:00Z", Ok(0)),
            ("1970-01-01 00:00:00", Ok(0)),
            ("1970-01-01t00:00:01.5z", Ok(1_500_000_000)),
            ("2013-12-02 21:15:00", Ok(1_386_018_900_000_000_000)),
            ("2024-02-29T12:00:00.123456789+05:30", Ok(1_709_188_200_123_456_789)),
            ("1969-12-31T23:59:59.999999999Z", Ok(-1)),
            ("2016-12-31T23:59:60Z", Ok(1_483_228_800_000_000_000)),
            ("2262-04-11T23:47:16.854775807Z", Ok(i64::MAX)),
            ("2262-04-11T23:47:16.854775808Z", Err(Code::TimeOutOfRange)),
            ("1677-09-21T00:12:43.145224192Z", Ok(i64::MIN)),
            ("0001-01-01T00:00:00Z", Err(Code::TimeOutOfRange)),
            ("2023-02-29T00:00:00Z", Err(Code::BadTime)),
            ("2023-13-01T00:00:00Z", Err(Code::BadTime)),
            ("2023-01-01T24:00:00Z", Err(Code::BadTime)),
            ("2023-01-01T00:00:00.Z", Err(Code::BadTime)),
            ("2023-01-01T00:00:00.1234567890Z", Err(Code::BadTime)),
            ("2023-01-01T00:00:00+0100", Err(Code::BadTime)),
            ("2023-01-01T00:00Z", Err(Code::BadTime)),
            ("2023-01-01", Err(Code::BadTime)),
            ("", Err(Code::BadTime)),
            ("2023-01-01T00:00:00Zx", Err(Code::BadTime)),
        ] {
            assert_eq!(rfc3339(text.as_bytes()).map_err(|bad| bad.0), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn rfc3339_agrees_with_a_well_kept_library(
            nanoseconds in any::<i64>(), offset in -1439i32..1440, digits in 0usize..10,
        ) {
            let instant = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap();
            let zone = jiff::tz::Offset::from_seconds(offset * 60).unwrap();
            let local = zone.to_datetime(instant);
            let sign = if offset < 0 { '-' } else { '+' };
            let fraction = format!("{:09}", local.subsec_nanosecond());
            let fraction = if digits == 0 { String::new() } else { format!(".{}", &fraction[..digits]) };
            let text = format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}{sign}{:02}:{:02}",
                local.year(), local.month(), local.day(), local.hour(), local.minute(), local.second(),
                offset.abs() / 60, offset.abs() % 60,
            );
            let want = text.parse::<jiff::Timestamp>().unwrap().as_nanosecond();
            prop_assert_eq!(rfc3339(text.as_bytes()).ok().map(i128::from), i64::try_from(want).ok().map(i128::from));
        }
    }
}
