//! Times of a form that the program spells out (`time t as "%d.%m.%Y %H:%M:%S" in "Europe/Berlin"`).
//!
//! Read by `jiff`, with the rules of time zones that come with the binary: the system's own would make a replay on another
//! machine another answer.
//!
//! * A time without a time of day is midnight; one with an offset or a count of seconds says its instant itself.
//! * A local time that a change of the clocks makes twice is the earlier of both, counted and said; one that it leaves out
//!   is no time.
//!
//! Rejected: the first of both that is not before the record that precedes it in the log. It is what a log in order means,
//! but what a record becomes would no longer depend on its bytes alone. Blocks are decoded apart and at once, so whoever
//! takes batches in their order would have to choose then, before the watermark and what is late are known of them, in each
//! lane and in the driver alike; and since reading goes on from any record (of a checkpoint, of kept events, of a session
//! that is told again), the time of the record before would have to be part of each such place. A choice by what a block
//! happens to begin with would be another answer in each run.

use super::time::{Bad, Odd, out_of_range};
use crate::RecordCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use timeline_core::Time;
use timeline_core::plan::TimeUnit;

/// A form, ready to read with.
#[derive(Clone, Debug)]
pub(crate) struct TimeParser {
    format: String,
    zone: TimeZone,
}

impl TimeParser {
    /// The form of a unit, if it is one.
    pub(crate) fn of(unit: &TimeUnit) -> Option<TimeParser> {
        let TimeUnit::Format(own) = unit else { return None };
        let zone = own.zone.as_deref().and_then(|name| TimeZoneDatabase::bundled().get(name).ok());
        Some(TimeParser { format: own.format.clone(), zone: zone.unwrap_or(TimeZone::UTC) })
    }

    /// Reads a time.
    pub(crate) fn read(&self, text: &[u8]) -> Result<(Time, Odd), Bad> {
        let bad = || (RecordCode::BadTime, format!("not a time of the form {:?}", self.format).into());
        let read = BrokenDownTime::parse(&self.format, text.trim_ascii()).map_err(|_| bad())?;
        if let Some(instant) = read.timestamp() {
            return Ok((nanoseconds(instant)?, Odd::No));
        }
        let local = read.to_datetime().or_else(|_| read.to_date().map(DateTime::from)).map_err(|_| bad())?;
        let (offset, odd) = match read.offset() {
            Some(offset) => (offset, Odd::No),
            None => match self.zone.to_ambiguous_timestamp(local).offset() {
                AmbiguousOffset::Unambiguous { offset } => (offset, Odd::No),
                AmbiguousOffset::Fold { before, .. } => (before, Odd::Twice),
                AmbiguousOffset::Gap { .. } => {
                    let zone = self.zone.iana_name().unwrap_or("UTC");
                    let reason = format!("a local time that a change of the clocks leaves out in {zone}");
                    return Err((RecordCode::BadTime, reason.into()));
                }
            },
        };
        let instant = offset.to_timestamp(local).map_err(|_| out_of_range())?;
        Ok((nanoseconds(instant)?, odd))
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

    fn read(format: &str, zone: Option<&str>, text: &str) -> Result<(String, Odd), RecordCode> {
        let own = TimeFormat { format: format.into(), zone: zone.map(Into::into) };
        let form = TimeParser::of(&TimeUnit::Format(Arc::new(own))).unwrap();
        let shown = |ns: Time| Timestamp::from_nanosecond(ns.into()).unwrap().to_string();
        form.read(text.as_bytes()).map(|(time, odd)| (shown(time), odd)).map_err(|bad| bad.0)
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
}
