//! Times of a form that the program spells out (`time t as "%d.%m.%Y %H:%M:%S" in "Europe/Berlin"`).
//!
//! Read by `jiff`, with the rules of time zones that come with the binary: the system's own would make a replay on another
//! machine another answer.
//!
//! * A time without a time of day is midnight; one with an offset or a count of seconds says its instant itself.
//! * A local time that a change of the clocks makes twice is the first of both that is not before the record that precedes
//!   it in its file or partition, else the earlier; it is counted and said. One that a change leaves out is no time.
//!
//! So what a record becomes depends on one more thing than its bytes: the time of the record before it. Within a block that
//! is known; blocks are decoded apart and at once, so each says what precedes it ([`crate::Block::preceding`]), and who reads
//! them in their order knows that by [`super::Preceding`]. Reading goes on from places of checkpoints and of kept events, so
//! that time is a part of each such place.
//!
//! Rejected: the earlier of both, always. It depends on nothing else, and every second of those hours is an hour early.

use super::time::{Bad, Odd, out_of_range};
use crate::RecordCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use timeline_core::Time;
use timeline_core::plan::TimeUnit;

/// A form, ready to read with.
#[derive(Clone, Debug)]
pub(crate) struct TimeParser {
    format: String,
    zone: TimeZone,
    /// Whether its clocks are changed.
    changes: bool,
}

impl TimeParser {
    /// The form of a unit, if it is one.
    pub(crate) fn of(unit: &TimeUnit) -> Option<TimeParser> {
        let TimeUnit::Format(own) = unit else { return None };
        let zone = own.zone.as_deref().and_then(|name| TimeZoneDatabase::bundled().get(name).ok());
        let zone = zone.unwrap_or(TimeZone::UTC);
        Some(TimeParser { format: own.format.clone(), changes: zone.to_fixed_offset().is_err(), zone })
    }

    /// Whether a time may depend on the one before it.
    pub(crate) fn may_repeat(&self) -> bool {
        self.changes
    }

    /// Reads a time; `preceding` is that of the record before it.
    pub(crate) fn read(&self, text: &[u8], preceding: Option<Time>) -> Result<(Time, Odd), Bad> {
        let bad = || (RecordCode::BadTime, format!("not a time of the form {:?}", self.format).into());
        let read = BrokenDownTime::parse(&self.format, text.trim_ascii()).map_err(|_| bad())?;
        if let Some(instant) = read.timestamp() {
            return Ok((nanoseconds(instant)?, Odd::No));
        }
        let local = read.to_datetime().or_else(|_| read.to_date().map(DateTime::from)).map_err(|_| bad())?;
        let instant = |offset: Offset| nanoseconds(offset.to_timestamp(local).map_err(|_| out_of_range())?);
        let offset = match read.offset() {
            Some(offset) => offset,
            None => match self.zone.to_ambiguous_timestamp(local).offset() {
                AmbiguousOffset::Unambiguous { offset } => offset,
                // The clock before the change was ahead, so what it showed was earlier.
                AmbiguousOffset::Fold { before, after } => {
                    let earlier = instant(before)?;
                    let later = preceding.filter(|preceding| earlier < *preceding);
                    let later = later.and_then(|preceding| instant(after).ok().filter(|later| *later >= preceding));
                    return Ok((later.unwrap_or(earlier), Odd::Twice));
                }
                AmbiguousOffset::Gap { .. } => {
                    let zone = self.zone.iana_name().unwrap_or("UTC");
                    let reason = format!("a local time that a change of the clocks leaves out in {zone}");
                    return Err((RecordCode::BadTime, reason.into()));
                }
            },
        };
        Ok((instant(offset)?, Odd::No))
    }
}

fn nanoseconds(instant: Timestamp) -> Result<Time, Bad> {
    Time::try_from(instant.as_nanosecond()).map_err(|_| out_of_range())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use timeline_core::plan::TimeFormat;

    fn form(format: &str, zone: Option<&str>) -> TimeParser {
        let own = TimeFormat { format: format.into(), zone: zone.map(Into::into) };
        TimeParser::of(&TimeUnit::Format(Arc::new(own))).unwrap()
    }

    fn read(format: &str, zone: Option<&str>, text: &str) -> Result<(String, Odd), RecordCode> {
        read_behind(format, zone, text, None)
    }

    fn read_behind(
        format: &str,
        zone: Option<&str>,
        text: &str,
        preceding: Option<&str>,
    ) -> Result<(String, Odd), RecordCode> {
        let preceding =
            preceding.map(|text| Time::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap());
        let shown = |ns: Time| Timestamp::from_nanosecond(ns.into()).unwrap().to_string();
        let read = form(format, zone).read(text.as_bytes(), preceding);
        read.map(|(time, odd)| (shown(time), odd)).map_err(|bad| bad.0)
    }

    #[test]
    fn forms_are_read_in_their_zone() {
        let berlin = Some("Europe/Berlin");
        let german = "%d.%m.%Y %H:%M:%S";
        let ok = |text: &str| Ok((text.to_owned(), Odd::No));
        assert_eq!(read(german, None, "05.05.2024 22:00:01"), ok("2024-05-05T22:00:01Z"));
        assert_eq!(read(german, berlin, " 5.5.2024 22:00:01 "), ok("2024-05-05T20:00:01Z"));
        assert_eq!(read(german, berlin, "05.01.2024 22:00:01"), ok("2024-01-05T21:00:01Z"));
        assert_eq!(read("%Y%m%d", berlin, "20240701"), ok("2024-06-30T22:00:00Z"));
        assert_eq!(read("%m/%d/%Y %I:%M %p", None, "07/01/2024 1:05 PM"), ok("2024-07-01T13:05:00Z"));
        assert_eq!(
            read("%Y-%m-%d %H:%M:%S%.f %z", berlin, "2024-07-01 10:00:00.25 +0100"),
            ok("2024-07-01T09:00:00.25Z")
        );
        assert_eq!(read("%s", berlin, "1700000000"), ok("2023-11-14T22:13:20Z"));
        for bad in ["2024-05-05 22:00:01", "32.01.2024 00:00:00", "05.05.2024 22:00:01 x", "", "05.05.2024 25:00:00"] {
            assert_eq!(read(german, berlin, bad), Err(RecordCode::BadTime), "{bad}");
        }
        assert_eq!(read(german, None, "05.05.3024 22:00:01"), Err(RecordCode::TimeOutOfRange));
    }

    #[test]
    fn both_changes_of_the_clocks_are_said() {
        let read = |text| read("%d.%m.%Y %H:%M:%S", Some("Europe/Berlin"), text);
        assert_eq!(read("31.03.2024 01:59:59"), Ok(("2024-03-31T00:59:59Z".into(), Odd::No)));
        assert_eq!(read("31.03.2024 02:30:00"), Err(RecordCode::BadTime));
        assert_eq!(read("31.03.2024 03:00:00"), Ok(("2024-03-31T01:00:00Z".into(), Odd::No)));
        assert_eq!(read("27.10.2024 02:30:00"), Ok(("2024-10-27T00:30:00Z".into(), Odd::Twice)));
        assert_eq!(read("27.10.2024 03:00:00"), Ok(("2024-10-27T02:00:00Z".into(), Odd::No)));
    }

    #[test]
    fn a_time_that_comes_twice_is_the_first_that_is_not_before_the_record_ahead_of_it() {
        let behind = |preceding, text| {
            let read = read_behind("%d.%m.%Y %H:%M:%S", Some("Europe/Berlin"), text, preceding);
            read.map(|(shown, _)| shown).unwrap()
        };
        let (earlier, later) = ("2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z");
        for (preceding, wanted) in [
            (None, earlier),
            (Some("2024-10-26T23:59:00Z"), earlier),
            (Some(earlier), earlier),
            (Some("2024-10-27T00:30:00.000000001Z"), later),
            (Some(later), later),
            // Neither is; the record is behind whatever it is taken for.
            (Some("2024-10-27T01:30:00.000000001Z"), earlier),
            (Some("2025-01-01T00:00:00Z"), earlier),
        ] {
            assert_eq!(behind(preceding, "27.10.2024 02:30:00"), wanted, "behind {preceding:?}");
            // What comes once does not ask.
            assert_eq!(behind(preceding, "27.10.2024 03:30:00"), "2024-10-27T02:30:00Z", "behind {preceding:?}");
        }
        // An offset says which of both it is.
        let said = read_behind("%Y-%m-%d %H:%M %z", Some("Europe/Berlin"), "2024-10-27 02:30 +0200", Some(later));
        assert_eq!(said, Ok((earlier.into(), Odd::No)));
    }

    #[test]
    fn only_zones_whose_clocks_are_changed_ask_what_precedes() {
        for (zone, asks) in [(None, false), (Some("UTC"), false), (Some("Europe/Berlin"), true)] {
            assert_eq!(form("%H", zone).may_repeat(), asks, "{zone:?}");
        }
    }
}
