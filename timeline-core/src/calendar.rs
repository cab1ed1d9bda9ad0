//! The calendar: instants as people write them, and the windows of days, weeks and months.
//!
//! Only what names a window of `every` in a row is written here; everything else is by who shows it. The rules of time zones
//! are those that come with the binary.

use crate::plan::{CalendarUnit, Fingerprint};
use crate::{SECOND, Time};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

pub(crate) mod hours;

/// An instant in letters. Each window of each session has one, so it is written without a formatter or an allocation.
pub(crate) struct InstantText {
    bytes: [u8; 30],
    length: usize,
}

impl InstantText {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("digits and signs are ASCII")
    }
}

/// The instant as RFC 3339 in UTC: to the second, or to the nanosecond if `precise`.
pub(crate) fn rfc3339(at: Time, precise: bool) -> InstantText {
    let (seconds, nanoseconds) = (at.div_euclid(SECOND), at.rem_euclid(SECOND));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // All instants are in years of four digits.
    let (year, month, day) = civil(days);
    let mut bytes = *b"0000-00-00T00:00:00.000000000Z";
    let fields = [(0..4, year), (5..7, month), (8..10, day)].into_iter();
    let fields = fields.chain([(11..13, second / 3600), (14..16, second / 60 % 60), (17..19, second % 60)]);
    for (field, number) in fields.chain([(20..29, nanoseconds)]) {
        let mut rest = number as u32;
        for digit in bytes[field].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
    let length = if precise { 30 } else { 20 };
    bytes[length - 1] = b'Z';
    InstantText { bytes, length }
}

/// The instant as RFC 3339 in UTC, with as many digits as it needs.
pub fn instant_text(at: Time) -> String {
    let is_precise = at % SECOND != 0;
    let text = rfc3339(at, is_precise);
    match text.as_str().strip_suffix('Z').filter(|_| is_precise) {
        Some(digits) => format!("{}Z", digits.trim_end_matches('0')),
        None => text.as_str().to_owned(),
    }
}

/// The instant as RFC 3339 in UTC with all nine digits: such texts are in the order of their instants.
pub fn whole_instant_text(at: Time) -> String {
    rfc3339(at, true).as_str().to_owned()
}

/// The instant that a text of [`rfc3339`] names.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Time> {
    text.parse::<Timestamp>().ok().and_then(|at| Time::try_from(at.as_nanosecond()).ok())
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

/// The window of the calendar in which an instant is; see [`crate::plan::Every::around`].
///
/// A window begins where the local clock shows the beginning of its unit. A local time that a change leaves out is the
/// instant of the change; of one that it makes twice the first counts, so that a day of 25 hours is one. Single hours are as
/// long as they are anywhere: there both count, and a day of 25 hours has 25 of them.
pub(crate) fn around(unit: CalendarUnit, zone: Option<&str>, offset: Time, at: Time) -> (Time, Time) {
    let zone = zone_of(zone);
    let local = Timestamp::from_nanosecond(i128::from(at)).map(|at| zone.to_datetime(at)).unwrap_or_default();
    let near = number(unit, local, offset);
    // The clock is set by less than a day, so no other can be meant.
    let all = (near - 3..=near + 4).flat_map(|n| begins(unit, &zone, offset, n)).flatten();
    let (mut begin, mut end) = (-Time::MAX, Time::MAX);
    for instant in all {
        if instant <= at {
            begin = begin.max(instant);
        } else {
            end = end.min(instant);
        }
    }
    (begin, end)
}

/// What the rules of a zone were up to an instant: the digest of the instants at which its clock was set, and to what.
pub fn zone_digest(zone: &str, until: Time) -> Fingerprint {
    let zone = zone_of(Some(zone));
    let mut text = String::new();
    let until = Timestamp::from_nanosecond(i128::from(until)).unwrap_or(Timestamp::MAX);
    for change in zone.preceding(until) {
        text += &format!("{} {}\n", change.timestamp().as_second(), change.offset().seconds());
    }
    text += &zone.to_offset(Timestamp::MIN).seconds().to_string();
    Fingerprint::of_text(&text)
}

/// The zone of a name that the database has, as whoever made the plan saw to; none is UTC.
fn zone_of(name: Option<&str>) -> TimeZone {
    name.map_or(TimeZone::UTC, |name| TimeZoneDatabase::bundled().get(name).unwrap_or(TimeZone::UTC))
}

/// The number of the window that would contain a local time, were it never set: counted from 1970.
fn number(unit: CalendarUnit, local: DateTime, offset: Time) -> i64 {
    let since = local.checked_sub(SignedDuration::from_nanos(offset)).unwrap_or(DateTime::MIN);
    let date = since.date();
    let days = i64::from(date.since(EPOCH).map_or(0, |span| span.get_days()));
    match unit {
        CalendarUnit::Hours(hours) => (days * 24 + i64::from(since.hour())).div_euclid(i64::from(hours)),
        CalendarUnit::Day => days,
        CalendarUnit::Week => (days + 3).div_euclid(7),
        CalendarUnit::Month => (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1,
    }
}

/// When a window begins: the instants at which the local clock shows that.
fn begins(unit: CalendarUnit, zone: &TimeZone, offset: Time, n: i64) -> [Option<Time>; 2] {
    let date = |days: i64| EPOCH.checked_add(SignedDuration::from_hours(24 * days)).ok();
    let local = match unit {
        CalendarUnit::Hours(hours) => {
            let hour = n * i64::from(hours);
            date(hour.div_euclid(24)).map(|date| date.at(hour.rem_euclid(24) as i8, 0, 0, 0))
        }
        CalendarUnit::Day => date(n).map(|date| date.at(0, 0, 0, 0)),
        // 1970-01-01 was a Thursday.
        CalendarUnit::Week => date(7 * n - 3).map(|date| date.at(0, 0, 0, 0)),
        CalendarUnit::Month => {
            let (year, month) = (1970 + n.div_euclid(12), n.rem_euclid(12) + 1);
            i16::try_from(year)
                .ok()
                .and_then(|year| Date::new(year, month as i8, 1).ok())
                .map(|date| date.at(0, 0, 0, 0))
        }
    };
    let Some(local) = local.and_then(|at| at.checked_add(SignedDuration::from_nanos(offset)).ok()) else {
        return [None, None];
    };
    let instant =
        |offset: Offset| offset.to_timestamp(local).ok().and_then(|at| Time::try_from(at.as_nanosecond()).ok());
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => [instant(offset), None],
        // Between the instants that both offsets would make of it lies the change.
        AmbiguousOffset::Gap { before, after } => {
            let change = instant(after).and_then(|at| Timestamp::from_nanosecond(i128::from(at)).ok());
            let change = change.and_then(|at| zone.following(at - SignedDuration::from_secs(1)).next());
            [change.map(|change| change.timestamp().as_nanosecond() as Time).or_else(|| instant(before)), None]
        }
        AmbiguousOffset::Fold { before, after } => {
            [instant(before), instant(after).filter(|_| unit == CalendarUnit::Hours(1))]
        }
    }
}

/// The first day of time, as it is counted.
const EPOCH: Date = Date::constant(1970, 1, 1);

#[cfg(test)]
mod tests {
    use super::around;
    use crate::plan::CalendarUnit::{self, Day, Hours, Month, Week};
    use crate::{SECOND, Time};
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    const HOUR: Time = 3600 * SECOND;

    fn rfc3339(at: i64, precise: bool) -> String {
        super::rfc3339(at, precise).as_str().to_owned()
    }

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
        assert_eq!(super::instant_text(1_700_000_000 * SECOND), "2023-11-14T22:13:20Z");
        assert_eq!(super::instant_text(1_700_000_000 * SECOND + SECOND / 4), "2023-11-14T22:13:20.25Z");
        for at in [0, -1, 789 * 86_400 * SECOND + 7] {
            assert_eq!(super::parse_rfc3339(&rfc3339(at, true)), Some(at));
        }
    }

    #[test]
    fn rules_are_told_apart_up_to_an_instant() {
        use super::zone_digest;
        let (spring, winter) = (instant("2024-04-01T00:00:00Z"), instant("2024-03-01T00:00:00Z"));
        assert_ne!(zone_digest("Europe/Berlin", winter), zone_digest("Europe/Berlin", spring), "the clock was set");
        assert_eq!(zone_digest("Europe/Berlin", spring), zone_digest("Europe/Berlin", spring + HOUR));
        assert_ne!(zone_digest("Europe/Berlin", spring), zone_digest("Europe/Vienna", spring));
        assert_ne!(zone_digest("Etc/GMT-1", spring), zone_digest("Etc/GMT-2", spring), "clocks that are never set");
    }

    fn instant(text: &str) -> Time {
        text.parse::<Timestamp>().unwrap().as_nanosecond() as Time
    }

    #[track_caller]
    fn check(unit: CalendarUnit, zone: &str, offset: Time, at: &str, window: [&str; 2]) {
        let zone = Some(zone).filter(|zone| *zone != "UTC");
        let (begin, end) = around(unit, zone, offset, instant(at));
        assert_eq!([begin, end].map(|at| rfc3339(at, false)), window, "{unit} in {zone:?} around {at}");
    }

    #[test]
    fn days_of_23_and_25_hours_are_one() {
        let berlin = "Europe/Berlin";
        check(Day, berlin, 0, "2024-03-31T12:00:00Z", ["2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"]);
        check(Day, berlin, 0, "2024-10-27T12:00:00Z", ["2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z"]);
        check(Day, berlin, 0, "2024-10-27T23:00:00Z", ["2024-10-27T23:00:00Z", "2024-10-28T23:00:00Z"]);
        // Here midnight itself comes twice, and there it does not come at all.
        check(Day, "America/Havana", 0, "2024-11-03T04:30:00Z", ["2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"]);
        check(Day, "America/Havana", 0, "2024-11-03T05:30:00Z", ["2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"]);
        check(Day, "America/Havana", 0, "2024-03-10T05:00:00Z", ["2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z"]);
        // A day that was left out.
        check(Day, "Pacific/Apia", 0, "2011-12-30T09:59:59Z", ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"]);
        check(Day, "Pacific/Apia", 0, "2011-12-30T10:00:00Z", ["2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"]);
    }

    #[test]
    fn weeks_begin_on_mondays_and_months_on_the_first() {
        check(Week, "UTC", 0, "2024-01-07T23:59:59Z", ["2024-01-01T00:00:00Z", "2024-01-08T00:00:00Z"]);
        check(Week, "UTC", 6 * 24 * HOUR, "2024-01-07T00:00:00Z", ["2024-01-07T00:00:00Z", "2024-01-14T00:00:00Z"]);
        check(Week, "UTC", 0, "1969-12-31T00:00:00Z", ["1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z"]);
        check(Week, "Europe/Berlin", 0, "2024-03-31T12:00:00Z", ["2024-03-24T23:00:00Z", "2024-03-31T22:00:00Z"]);
        check(Month, "UTC", 0, "2024-02-29T12:00:00Z", ["2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"]);
        check(Month, "UTC", 0, "1969-12-31T12:00:00Z", ["1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"]);
        check(Month, "Europe/Berlin", 0, "2024-10-31T22:59:59Z", ["2024-09-30T22:00:00Z", "2024-10-31T23:00:00Z"]);
        check(Month, "UTC", 14 * 24 * HOUR, "2024-03-01T00:00:00Z", ["2024-02-15T00:00:00Z", "2024-03-15T00:00:00Z"]);
    }

    #[test]
    fn hours_are_counted_by_the_local_clock() {
        let berlin = "Europe/Berlin";
        check(Hours(6), berlin, 0, "2024-03-31T02:00:00Z", ["2024-03-30T23:00:00Z", "2024-03-31T04:00:00Z"]);
        check(Hours(6), berlin, 0, "2024-10-27T00:30:00Z", ["2024-10-26T22:00:00Z", "2024-10-27T05:00:00Z"]);
        // Two in the morning is left out, and comes twice.
        check(Hours(2), berlin, 0, "2024-03-31T01:30:00Z", ["2024-03-31T01:00:00Z", "2024-03-31T02:00:00Z"]);
        check(Hours(2), berlin, 0, "2024-10-27T01:30:00Z", ["2024-10-27T00:00:00Z", "2024-10-27T03:00:00Z"]);
        check(Hours(1), berlin, 0, "2024-10-27T00:30:00Z", ["2024-10-27T00:00:00Z", "2024-10-27T01:00:00Z"]);
        check(Hours(1), berlin, 0, "2024-10-27T01:30:00Z", ["2024-10-27T01:00:00Z", "2024-10-27T02:00:00Z"]);
        check(Hours(1), berlin, HOUR / 4, "2024-10-27T01:10:00Z", ["2024-10-27T00:15:00Z", "2024-10-27T01:15:00Z"]);
        check(Day, berlin, 6 * HOUR, "2024-03-31T03:59:59Z", ["2024-03-30T05:00:00Z", "2024-03-31T04:00:00Z"]);
        check(Hours(1), "Asia/Kathmandu", 0, "2024-01-01T00:00:00Z", ["2023-12-31T23:15:00Z", "2024-01-01T00:15:00Z"]);
    }

    /// Every quarter of an hour of years with changes of all sorts is in one window, and windows follow one another.
    #[test]
    fn windows_follow_one_another_without_a_gap() {
        let zones = ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"];
        for zone in zones {
            let local = TimeZone::get(zone).unwrap();
            for (unit, offset) in
                [(Hours(1), 0), (Hours(4), HOUR / 2), (Day, 0), (Day, 5 * HOUR), (Week, 0), (Month, 0)]
            {
                let (mut at, until) = (instant("2011-11-20T00:00:00Z"), instant("2013-01-20T00:00:00Z"));
                let mut window = around(unit, Some(zone), offset, at);
                while at < until {
                    if at >= window.1 {
                        let next = around(unit, Some(zone), offset, window.1);
                        assert_eq!(next.0, window.1, "{unit} in {zone}");
                        window = next;
                        let shown = local.to_datetime(Timestamp::from_nanosecond(i128::from(next.0)).unwrap());
                        // Where the beginning is left out, the window begins with the change.
                        let changed = local.to_offset(Timestamp::from_nanosecond(i128::from(next.0)).unwrap())
                            != local.to_offset(Timestamp::from_nanosecond(i128::from(next.0 - 1)).unwrap());
                        let is_whole = (i64::from(shown.minute()) * 60 * SECOND - offset).rem_euclid(HOUR) == 0;
                        assert!(is_whole || changed, "{unit} in {zone} begins at {shown}");
                    }
                    assert!(window.0 <= at && at < window.1, "{unit} in {zone}");
                    assert_eq!(
                        around(unit, Some(zone), offset, at),
                        window,
                        "{unit} in {zone} at {}",
                        rfc3339(at, false)
                    );
                    at += HOUR / 4;
                }
            }
        }
    }
}
