//! Event times, to the nanosecond.
//!
//! RFC 3339 is read by hand: it is most of the cost of a record that carries such a time. The liberties that are taken are the
//! usual ones in logs and exports of databases: a space for `T`, UTC where no offset stands, `+00`, `+0000` and ` UTC`, no
//! seconds, a comma before the fraction, the name of a zone in brackets behind an offset, and a fraction of any length.
//! A leap second (`:60`) is the first instant of the next minute, as in Unix time.

use super::number::{DecimalText, Scaled, short_integer};
use crate::RecordCode;
use std::borrow::Cow;
use timeline_core::Time;
use timeline_core::plan::TimeUnit;

/// Why a value is of no use.
pub(crate) type Bad = (RecordCode, Cow<'static, str>);

/// What is worth saying of a time that can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Nothing.
    #[default]
    No,
    /// Digits beyond the nanosecond, which are cut off.
    Cut,
    /// A local time that a change of the clocks makes twice.
    Twice,
}

/// Reads a number of units; in seconds a fraction is allowed, and cut off below the nanosecond.
pub(crate) fn numeric(text: &[u8], unit: &TimeUnit) -> Result<Time, Bad> {
    let Some(nanoseconds) = unit.nanoseconds() else {
        return Err((RecordCode::BadTime, "a number where RFC 3339 text is expected".into()));
    };
    if let Some(count) = short_integer(text) {
        return count.checked_mul(nanoseconds).ok_or_else(out_of_range);
    }
    let Some(decimal) = DecimalText::parse(text) else {
        return Err((RecordCode::BadTime, format!("not a number of {}", unit.name()).into()));
    };
    let scaled = match unit {
        TimeUnit::Seconds => match decimal.scaled(9) {
            Scaled::Floor(value) => Scaled::Exact(value),
            scaled => scaled,
        },
        TimeUnit::Nanoseconds
        | TimeUnit::Microseconds
        | TimeUnit::Milliseconds
        | TimeUnit::Rfc3339
        | TimeUnit::Format(_) => decimal.scaled(i64::from(nanoseconds.ilog10())),
    };
    match scaled {
        Scaled::Exact(value) if value % i128::from(nanoseconds) == 0 || *unit == TimeUnit::Seconds => {
            Time::try_from(value).map_err(|_| out_of_range())
        }
        Scaled::Huge => Err(out_of_range()),
        _ => Err((RecordCode::BadTime, format!("a fraction of a unit ({})", unit.name()).into())),
    }
}

/// Reads RFC 3339 text.
pub(crate) fn rfc3339(text: &[u8]) -> Result<(Time, Odd), Bad> {
    let (seconds, nanoseconds, odd) = parse(text).ok_or((RecordCode::BadTime, Cow::from("not a time of RFC 3339")))?;
    let time = Time::try_from(i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds));
    time.map(|time| (time, odd)).map_err(|_| out_of_range())
}

pub(crate) fn out_of_range() -> Bad {
    (RecordCode::TimeOutOfRange, "beyond what 64 bits of nanoseconds hold".into())
}

/// Seconds since the epoch and nanoseconds.
fn parse(text: &[u8]) -> Option<(i64, u32, Odd)> {
    let (head, mut rest) = text.split_at_checked(16)?;
    let [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't' | b' ', _, _, b':', _, _] = head else {
        return None;
    };
    let year = two(head, 0)? * 100 + two(head, 2)?;
    let (month, day) = (two(head, 5)?, two(head, 8)?);
    let (hour, minute) = (two(head, 11)?, two(head, 14)?);
    let mut second = 0;
    if let [b':', _, _, tail @ ..] = rest {
        (second, rest) = (two(rest, 1)?, tail);
    }
    if !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (mut nanoseconds, mut odd) = (0, Odd::No);
    // A fraction is one of seconds, so it needs some.
    if let (Some((b'.' | b',', tail)), true) = (rest.split_first(), text.len() > head.len() + 3 && text[16] == b':') {
        let count = tail.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let (kept, cut) = tail[..count].split_at(count.min(9));
        nanoseconds = kept.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')) * 10u32.pow(9 - kept.len() as u32);
        if cut.iter().any(|b| *b != b'0') {
            odd = Odd::Cut;
        }
        rest = &tail[count..];
    }
    let seconds = days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    Some((seconds - offset(rest)?, nanoseconds, odd))
}

/// Seconds east of Greenwich: `Z`, `+01:00`, `+0100`, `+01`, ` UTC` or nothing, and behind an offset a zone in brackets,
/// which says nothing more about the instant.
fn offset(text: &[u8]) -> Option<i64> {
    let text = match text.split_last() {
        Some((b']', most)) => {
            let open = most.iter().rposition(|b| *b == b'[').filter(|open| *open > 0)?;
            &text[..open]
        }
        _ => text,
    };
    let (sign, hours, minutes) = match text {
        [] | [b'Z' | b'z'] | b" UTC" | b"UTC" | b" Z" => return Some(0),
        [sign @ (b'+' | b'-'), _, _] => (sign, two(text, 1)?, 0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => (sign, two(text, 1)?, two(text, 4)?),
        [sign @ (b'+' | b'-'), _, _, _, _] => (sign, two(text, 1)?, two(text, 3)?),
        [b' ', rest @ ..] if matches!(rest, [b'+' | b'-', ..]) => return offset(rest),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = hours * 3600 + minutes * 60;
    Some(if *sign == b'-' { -seconds } else { seconds })
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
            ("1.5", Milliseconds, Err(RecordCode::BadTime)),
            ("0.5", Nanoseconds, Err(RecordCode::BadTime)),
            ("1.5", Seconds, Ok(1_500_000_000)),
            ("1700000000.123456789", Seconds, Ok(1_700_000_000_123_456_789)),
            ("0.30000000000000004", Seconds, Ok(300_000_000)),
            ("-0.0000000001", Seconds, Ok(-1)),
            ("9223372036854775807", Nanoseconds, Ok(i64::MAX)),
            ("-9223372036854775808", Nanoseconds, Ok(i64::MIN)),
            ("9223372036854775808", Nanoseconds, Err(RecordCode::TimeOutOfRange)),
            ("9223372036.854775808", Seconds, Err(RecordCode::TimeOutOfRange)),
            ("17000000001230", Milliseconds, Err(RecordCode::TimeOutOfRange)),
            ("1e400", Seconds, Err(RecordCode::TimeOutOfRange)),
            ("NaN", Seconds, Err(RecordCode::BadTime)),
            ("12", Rfc3339, Err(RecordCode::BadTime)),
        ] {
            assert_eq!(numeric(text.as_bytes(), &unit).map_err(|bad| bad.0), want, "{text} {}", unit.name());
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
            ("2262-04-11T23:47:16.854775808Z", Err(RecordCode::TimeOutOfRange)),
            ("1677-09-21T00:12:43.145224192Z", Ok(i64::MIN)),
            ("0001-01-01T00:00:00Z", Err(RecordCode::TimeOutOfRange)),
            ("2023-02-29T00:00:00Z", Err(RecordCode::BadTime)),
            ("2023-13-01T00:00:00Z", Err(RecordCode::BadTime)),
            ("2023-01-01T24:00:00Z", Err(RecordCode::BadTime)),
            ("2023-01-01T00:00:00.Z", Err(RecordCode::BadTime)),
            ("1970-01-01T00:00:01.1234567890Z", Ok(1_123_456_789)),
            ("1970-01-01T00:00:01,5+01:00", Ok(-3_598_500_000_000)),
            ("1970-01-01 00:00:01+0100", Ok(-3_599_000_000_000)),
            ("1970-01-01 00:00:01+00", Ok(1_000_000_000)),
            ("1970-01-01 00:00:01-01", Ok(3_601_000_000_000)),
            ("1970-01-01 00:00:01 +00:00", Ok(1_000_000_000)),
            ("1970-01-01 00:00:01 UTC", Ok(1_000_000_000)),
            ("1970-01-01T01:00Z", Ok(3_600_000_000_000)),
            ("1970-01-01 01:00", Ok(3_600_000_000_000)),
            ("1970-01-01T01:00+01:00", Ok(0)),
            ("1970-01-01T00:00:01+01:00[Europe/Berlin]", Ok(-3_599_000_000_000)),
            ("1970-01-01T00:00:01Z[UTC]", Ok(1_000_000_000)),
            ("1970-01-01T00:00:01[Europe/Berlin]", Err(RecordCode::BadTime)),
            ("1970-01-01T00:00:01+01:00[Europe/Berlin", Err(RecordCode::BadTime)),
            ("1970-01-01T00:00.5Z", Err(RecordCode::BadTime)),
            ("1970-01-01T00:00:0", Err(RecordCode::BadTime)),
            ("1970-01-01T00:00:01+", Err(RecordCode::BadTime)),
            ("1970-01-01T00:00:01+1", Err(RecordCode::BadTime)),
            ("1970-01-01T00:00:01+24", Err(RecordCode::BadTime)),
            ("1970-01-01T00:00:01  +00", Err(RecordCode::BadTime)),
            ("2023-01-01", Err(RecordCode::BadTime)),
            ("", Err(RecordCode::BadTime)),
            ("2023-01-01T00:00:00Zx", Err(RecordCode::BadTime)),
        ] {
            assert_eq!(rfc3339(text.as_bytes()).map(|(time, _)| time).map_err(|bad| bad.0), want, "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_is_known() {
        let odd = |text: &str| rfc3339(text.as_bytes()).unwrap().1;
        assert_eq!(odd("1970-01-01T00:00:00.1234567891Z"), Odd::Cut);
        assert_eq!(odd("1970-01-01T00:00:00.1234567890Z"), Odd::No);
        assert_eq!(odd("1970-01-01T00:00:00.123456789Z"), Odd::No);
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
            let got = rfc3339(text.as_bytes()).ok().map(|(time, _)| i128::from(time));
            prop_assert_eq!(got, i64::try_from(want).ok().map(i128::from));
        }
    }
}
