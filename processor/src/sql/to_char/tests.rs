//! What PostgreSQL 16 writes, and what is refused.

use super::fields::Moment;
use super::pattern::Pattern;
use super::{moment, zone_of};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use jiff::civil::{date, time};

fn local() -> Moment {
    Moment::Local(date(2026, 3, 1).at(15, 4, 5, 67_800_000))
}

#[track_caller]
fn check(moment: &Moment, pattern: &str, expected: &str) {
    let written = Pattern::parse(pattern).and_then(|pattern| pattern.write(moment));
    assert_eq!(written.as_deref(), Ok(expected), "{pattern}");
}

#[track_caller]
fn check_refused(moment: &Moment, pattern: &str, words: &str) {
    let wrong = Pattern::parse(pattern).and_then(|pattern| pattern.write(moment)).expect_err(pattern);
    assert!(wrong.contains(words), "{pattern}: {wrong}");
}

#[test]
fn patterns_are_those_of_postgresql() {
    for (pattern, expected) in [
        ("YYYY-MM-DD HH24:MI:SS", "2026-03-01 15:04:05"),
        ("yyyy-mm-dd hh24:mi:ss", "2026-03-01 15:04:05"),
        ("YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"", "2026-03-01T15:04:05.067Z"),
        ("YYYYMMDDHH24MISSUS", "20260301150405067800"),
        ("SS.FF1 SS.FF4 SS.FF9", "05.0 05.0678 05.067800000"),
        ("HH12:MI AM, hh:mi p.m., HH12 PM", "03:04 PM, 03:04 p.m., 03 PM"),
        ("Day|DAY|day|Dy|DY|dy", "Sunday   |SUNDAY   |sunday   |Sun|SUN|sun"),
        ("Month|MONTH|month|Mon|MON|mon", "March    |MARCH    |march    |Mar|MAR|mar"),
        ("FMDay, DD. FMMonth YYYY", "Sunday, 01. March 2026"),
        ("FMDD.FMMM.YY, FMHH12", "1.3.26, 3"),
        ("DDD D ID Q W WW IW IYYY IDDD", "060 1 7 1 1 09 09 2026 063"),
        ("YYY YY Y IYY IY I Y,YYY CC", "026 26 6 026 26 6 2,026 21"),
        ("J SSSS SSSSS", "2461101 54245 54245"),
        ("RM|rm|FMRM", "III |iii |III"),
        ("DDth FMDDTH FMMMth MIth", "01st 1ST 3rd 04th"),
        ("\"Quarter\" Q \\\"Q\\\"", "Quarter 1 \"1\""),
        ("é 12: \"\\\"\"", "é 12: \""),
        ("", ""),
    ] {
        check(&local(), pattern, expected);
    }
    // The first days of a year may be of the last week of the one before.
    check(&Moment::Local(date(2027, 1, 1).at(0, 0, 0, 0)), "IYYY-IW ID HH12 AM", "2026-53 5 12 AM");
    check(&Moment::Local(date(2026, 1, 11).at(12, 0, 0, 0)), "FMDDth HH12 PM", "11th 12 PM");
}

#[test]
fn zones_are_those_of_the_instant() {
    let at = |zone: &str| {
        let zone = zone_of(zone).expect("a zone");
        moment(&DataType::Timestamp(TimeUnit::Second, None), 1_769_904_000, Some(&zone)).expect("an instant")
    };
    check(&at("Europe/Berlin"), "YYYY-MM-DD HH24:MI TZ tz TZH:TZM OF", "2026-02-01 01:00 CET cet +01:00 +01");
    check(&at("UTC"), "DD HH24 TZ OF", "01 00 UTC +00");
    check(&at("-03:30"), "DD HH24:MI TZH:TZM OF", "31 20:30 -03:30 -03:30");
    assert!(zone_of("Europe/Nowhere").is_err());
}

#[test]
fn instants_before_1970_are_those_of_their_day() {
    let ty = DataType::Timestamp(TimeUnit::Nanosecond, None);
    check(&moment(&ty, -1, None).expect("an instant"), "YYYY-MM-DD HH24:MI:SS.FF9", "1969-12-31 23:59:59.999999999");
}

#[test]
fn lengths_and_times_of_day_have_some_parts() {
    let length = moment(&DataType::Duration(TimeUnit::Millisecond), 93_784_005, None).expect("a length");
    check(&length, "DD HH24:MI:SS.MS", "01 02:03:04.005");
    check(&Moment::Length(-90_000_000_000), "HH24:MI:SS", "00:-01:-30");
    check_refused(&length, "YYYY", "a length of time has no `YYYY`");
    check_refused(&length, "HH12 AM", "a length of time has no `AM`");
    check(&Moment::Hour(time(9, 5, 0, 0)), "HH24:MI", "09:05");
    check_refused(&Moment::Hour(time(9, 5, 0, 0)), "DD", "a time of day has no `DD`");
    check_refused(&local(), "TZ", "a time without a zone has no `TZ`");
}

#[test]
fn what_is_not_known_is_refused() {
    check_refused(&local(), "YYYY-MM-DDTHH24:MI", "a `T` before `HH24` is written \"T\"");
    check_refused(&local(), "YYYY-MM-DD HH24:MI:SSZ", "`Z` of `SSZ` is none of Y,YYY YYYY");
    check_refused(&local(), "Yyyy", "`Yyyy` is none of");
    check_refused(&local(), "week IW", "`eek` of `week` is none of");
    check_refused(&local(), "MonTH", "`MonTH` is none of");
    check_refused(&local(), "TMMonth", "`TMMonth` is none of");
    check_refused(&local(), "\"open", "has no closing quote");
    check_refused(&local(), "FM-DD", "`FM` stands before a field");
    check_refused(&local(), "DyTH", "`TH` stands behind a number");
}
