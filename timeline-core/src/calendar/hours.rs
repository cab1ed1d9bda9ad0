//! What a local clock shows, and when it next comes to hours or leaves them.

use super::zone_of;
use crate::plan::LocalHours;
use crate::{SECOND, Time};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Hours that do not turn for so long never do: by then every hour of the week was shown, though clocks were set.
const LONGEST: i128 = 40 * LocalHours::DAY as i128;

/// Hours of a zone whose rules were looked up.
#[derive(Clone, Debug)]
pub(crate) struct ZoneHours {
    hours: LocalHours,
    zone: TimeZone,
}

impl ZoneHours {
    pub(crate) fn new(hours: &LocalHours) -> Self {
        ZoneHours { hours: hours.clone(), zone: zone_of(hours.zone.as_deref()) }
    }

    /// Whether the clock shows one of the hours.
    pub(crate) fn holds(&self, at: Time) -> bool {
        self.hours.has(shown(&self.zone, at))
    }

    /// The first instant after this one at which that is otherwise; [`Time::MAX`] if it never is.
    ///
    /// The clock runs until it comes to an edge of the hours, to midnight, or is set, whichever is first.
    pub(crate) fn next_turn(&self, from: Time) -> Time {
        let holds = self.holds(from);
        let mut at = from;
        while i128::from(at) - i128::from(from) < LONGEST {
            let (_, time) = shown(&self.zone, at);
            let edges = self.hours.hours.iter().flat_map(|(from, until)| [*from, *until]);
            let edge = edges.filter(|edge| *edge > time).min().unwrap_or(LocalHours::DAY);
            let Some(next) = at.checked_add(edge - time) else { return Time::MAX };
            let set = next_change(&self.zone, at).filter(|set| *set < next);
            at = set.unwrap_or(next);
            if self.holds(at) != holds {
                return at;
            }
        }
        Time::MAX
    }
}

/// The day that the clock of a zone shows, counted from 1970-01-01, and what has passed of it by the clock.
fn shown(zone: &TimeZone, at: Time) -> (i64, Time) {
    let (local, day) = (i128::from(at) + i128::from(offset(zone, at)), i128::from(LocalHours::DAY));
    (local.div_euclid(day) as i64, local.rem_euclid(day) as Time)
}

/// By how much the clock of a zone is ahead of UTC, in nanoseconds.
fn offset(zone: &TimeZone, at: Time) -> Time {
    Timestamp::from_nanosecond(i128::from(at)).map_or(0, |at| Time::from(zone.to_offset(at).seconds()) * SECOND)
}

/// When the clock of a zone is next set, after an instant.
fn next_change(zone: &TimeZone, at: Time) -> Option<Time> {
    let at = Timestamp::from_nanosecond(i128::from(at)).ok()?;
    Time::try_from(zone.following(at).next()?.timestamp().as_nanosecond()).ok()
}

/// The instants from one to another at which hours may turn: those at which the clock shows an edge of them, by any offset that
/// it has about then, or is set.
pub(crate) fn edges(hours: &LocalHours, from: Time, until: Time) -> Vec<Time> {
    let zone = zone_of(hours.zone.as_deref());
    let wide = |at: Time, by: i64| at.saturating_add(by * LocalHours::DAY);
    let (first, last) = (shown(&zone, wide(from, -2)).0, shown(&zone, wide(until, 2)).0);
    let mut all: Vec<Time> = std::iter::successors(next_change(&zone, wide(from, -2)), |set| next_change(&zone, *set))
        .take_while(|set| *set <= wide(until, 2))
        .collect();
    for day in first..=last {
        let naive = i128::from(day) * i128::from(LocalHours::DAY);
        let about = Time::try_from(naive).unwrap_or(from);
        for offset in [-1, 0, 1].map(|by| offset(&zone, wide(about, by))) {
            let edges = hours.hours.iter().flat_map(|(from, until)| [*from, *until]).chain([0]);
            let at = edges.map(|edge| naive + i128::from(edge) - i128::from(offset));
            all.extend(at.filter_map(|at| Time::try_from(at).ok()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{ZoneHours, edges};
    use crate::calendar::instant_text;
    use crate::plan::LocalHours;
    use crate::{SECOND, Time};
    use jiff::Timestamp;

    const MINUTE: Time = 60 * SECOND;
    const WEEKDAYS: u8 = 0b001_1111;

    fn hours(hours: &[(Time, Time)], days: u8, zone: &str) -> LocalHours {
        let hours = hours.iter().map(|(from, until)| (from * MINUTE, until * MINUTE)).collect();
        LocalHours { hours, days, zone: Some(zone.into()).filter(|zone: &std::sync::Arc<str>| &**zone != "UTC") }
    }

    fn instant(text: &str) -> Time {
        text.parse::<Timestamp>().unwrap().as_nanosecond() as Time
    }

    /// The stretches of those hours from one instant to another, hours written in minutes.
    #[track_caller]
    fn check(of: &LocalHours, from: &str, until: &str, stretches: &[(&str, &str)]) {
        let clock = ZoneHours::new(of);
        let (mut at, until, mut all, mut begun) = (instant(from), instant(until), vec![], None);
        while at < until {
            match (clock.holds(at), begun.take()) {
                (true, None) => begun = Some(at),
                (false, Some(from)) => all.push((from, at)),
                (_, unchanged) => begun = unchanged,
            }
            at = clock.next_turn(at);
        }
        all.extend(begun.map(|from| (from, until)));
        let shown: Vec<(String, String)> =
            all.iter().map(|(from, until)| (instant_text(*from), instant_text(*until))).collect();
        let shown: Vec<(&str, &str)> = shown.iter().map(|(from, until)| (from.as_str(), until.as_str())).collect();
        assert_eq!(shown, stretches, "{of:?}");
    }

    #[test]
    fn hours_are_those_that_the_local_clock_shows() {
        let office = hours(&[(9 * 60, 17 * 60 + 30)], WEEKDAYS, "Europe/Berlin");
        // From Friday to Tuesday, over the change of spring; then over that of autumn.
        check(
            &office,
            "2024-03-29T00:00:00Z",
            "2024-04-02T00:00:00Z",
            &[("2024-03-29T08:00:00Z", "2024-03-29T16:30:00Z"), ("2024-04-01T07:00:00Z", "2024-04-01T15:30:00Z")],
        );
        check(
            &office,
            "2024-10-25T00:00:00Z",
            "2024-10-29T00:00:00Z",
            &[("2024-10-25T07:00:00Z", "2024-10-25T15:30:00Z"), ("2024-10-28T08:00:00Z", "2024-10-28T16:30:00Z")],
        );
    }

    #[test]
    fn a_local_time_that_is_left_out_is_the_instant_of_the_change() {
        let of = |from, until| hours(&[(from, until)], LocalHours::EVERY_DAY, "Europe/Berlin");
        let (from, until) = ("2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z");
        // The clock goes from two to three.
        check(&of(150, 300), from, until, &[("2024-03-31T01:00:00Z", "2024-03-31T03:00:00Z")]);
        check(&of(60, 150), from, until, &[("2024-03-31T00:00:00Z", "2024-03-31T01:00:00Z")]);
        check(&of(135, 165), from, until, &[]);
    }

    #[test]
    fn a_local_time_that_comes_twice_is_shown_twice() {
        let of = |from, until| hours(&[(from, until)], LocalHours::EVERY_DAY, "Europe/Berlin");
        let (from, until) = ("2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z");
        check(&of(120, 180), from, until, &[("2024-10-27T00:00:00Z", "2024-10-27T02:00:00Z")]);
        let twice =
            [("2024-10-26T23:00:00Z", "2024-10-27T00:30:00Z"), ("2024-10-27T01:00:00Z", "2024-10-27T01:30:00Z")];
        check(&of(60, 150), from, until, &twice);
        let twice =
            [("2024-10-27T00:30:00Z", "2024-10-27T01:00:00Z"), ("2024-10-27T01:30:00Z", "2024-10-27T03:00:00Z")];
        check(&of(150, 240), from, until, &twice);
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_on_which_they_begin() {
        // From Friday on, into the weekend; on Monday morning nothing is left of Sunday.
        let nights = hours(&[(22 * 60, 6 * 60)], WEEKDAYS, "UTC");
        check(
            &nights,
            "2024-01-05T12:00:00Z",
            "2024-01-09T12:00:00Z",
            &[("2024-01-05T22:00:00Z", "2024-01-06T06:00:00Z"), ("2024-01-08T22:00:00Z", "2024-01-09T06:00:00Z")],
        );
        let whole = hours(&[(0, 24 * 60)], 0b110_0000, "UTC");
        check(
            &whole,
            "2024-01-05T12:00:00Z",
            "2024-01-09T12:00:00Z",
            &[("2024-01-06T00:00:00Z", "2024-01-08T00:00:00Z")],
        );
    }

    #[test]
    fn hours_that_never_turn_have_no_turn() {
        for days in [(0, 24 * 60), (12 * 60, 0)] {
            let clock = ZoneHours::new(&hours(&[(0, 12 * 60), days], LocalHours::EVERY_DAY, "Africa/Casablanca"));
            assert_eq!((clock.holds(0), clock.next_turn(0)), (true, Time::MAX));
        }
        let clock = ZoneHours::new(&hours(&[(60, 120)], 1, "Europe/Berlin"));
        assert_eq!(clock.next_turn(Time::MAX - SECOND), Time::MAX);
        clock.next_turn(Time::MIN + 1);
    }

    /// Every turn is where some edge is, and nothing turns between two of them.
    #[test]
    fn turns_are_at_edges() {
        let zones = ["UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"];
        let (from, until) = (instant("2011-11-20T00:00:00Z"), instant("2013-01-20T00:00:00Z"));
        for zone in zones {
            for (of, days) in [((0, 60), 0b101_0101), ((23 * 60 + 15, 45), WEEKDAYS), ((90, 24 * 60), 0b100_0000)] {
                let of = hours(&[of, (12 * 60, 13 * 60)], days, zone);
                let clock = ZoneHours::new(&of);
                let mut at: Vec<Time> = edges(&of, from, until).into_iter().filter(|at| *at > from).collect();
                at.sort_unstable();
                at.dedup();
                let mut turn = clock.next_turn(from);
                let mut holds = clock.holds(from);
                for edge in at.into_iter().filter(|at| *at < until) {
                    if clock.holds(edge) != holds {
                        assert_eq!(turn, edge, "{of:?}");
                        (holds, turn) = (!holds, clock.next_turn(edge));
                    }
                    assert!(turn > edge, "{of:?} turns at {}", instant_text(turn));
                }
            }
        }
    }
}
