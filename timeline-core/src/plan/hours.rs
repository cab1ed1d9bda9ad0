//! Hours of the local day: when `during` is true.

use crate::{SECOND, Time};
use std::sync::Arc;

/// Hours that a local clock shows, on some days of the week.
///
/// Hours over midnight belong to the day on which they begin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LocalHours {
    /// From when until before when, in nanoseconds of the clock since midnight: the first less than [`LocalHours::DAY`], the
    /// second at most that and another one. Where the second is less, they go over midnight.
    pub hours: Vec<(Time, Time)>,
    /// The days on which they begin, a bit each, from Monday on.
    pub days: u8,
    /// The zone, by its name in the database that comes with the binary; none is UTC.
    pub zone: Option<Arc<str>>,
}

impl LocalHours {
    /// A day of the clock, in nanoseconds.
    pub const DAY: Time = 86_400 * SECOND;

    /// Every day of the week.
    pub const EVERY_DAY: u8 = 0b111_1111;

    /// Whether they are so many that no clock shows, or none.
    pub(crate) fn are_shown(&self) -> bool {
        let is_time = |(from, until): &(Time, Time)| {
            (0..Self::DAY).contains(from) && (0..=Self::DAY).contains(until) && from != until
        };
        !self.hours.is_empty() && self.hours.iter().all(is_time) && (1..=Self::EVERY_DAY).contains(&self.days)
    }

    /// Whether a clock shows one of them: the day, counted from 1970-01-01, and what has passed of it by the clock.
    pub(crate) fn has(&self, (day, time): (i64, Time)) -> bool {
        // 1970-01-01 was a Thursday.
        let is_on = |day: i64| self.days >> (day + 3).rem_euclid(7) & 1 == 1;
        self.hours.iter().any(|(from, until)| match from < until {
            true => is_on(day) && (*from..*until).contains(&time),
            false => (is_on(day) && time >= *from) || (is_on(day - 1) && time < *until),
        })
    }
}
