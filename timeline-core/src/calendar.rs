//! Instants as people write them: RFC 3339 in UTC.
//!
//! Only what names a window of `every` in a row; everything else is written by who shows it.

use crate::{SECOND, Time};

/// The instant as RFC 3339 in UTC: to the second, or to the nanosecond if `precise`.
pub(crate) fn rfc3339(at: Time, precise: bool) -> String {
    let (seconds, nanoseconds) = (at.div_euclid(SECOND), at.rem_euclid(SECOND));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = if precise { format!(".{nanoseconds:09}") } else { String::new() };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01.
///
/// Years begin in March here, so that the day that some of them lack is the last one (Hinnant, *chrono-compatible
/// low-level date algorithms*).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::rfc3339;
    use crate::SECOND;

    #[test]
    fn instants_are_written_as_the_calendar_has_them() {
        let day = |days: i64| rfc3339(days * 86_400 * SECOND, false);
        assert_eq!(day(0), "1970-01-01T00:00:00Z");
        assert_eq!(day(-1), "1969-12-31T00:00:00Z");
        assert_eq!(day(59), "1970-03-01T00:00:00Z");
        assert_eq!(day(789), "1972-02-29T00:00:00Z");
        assert_eq!(day(11_016), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_700_000_000 * SECOND + 5, true), "2023-11-14T22:13:20.000000005Z");
        assert_eq!(rfc3339(i64::MIN, false), "1677-09-21T00:12:43Z");
        assert_eq!(rfc3339(i64::MAX, false), "2262-04-11T23:47:16Z");
    }
}
