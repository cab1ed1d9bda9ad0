//! Windows of the clock: of a length, or of the calendar of a time zone.

use crate::calendar;
use crate::{Time, Value};
use std::fmt;
use std::sync::Arc;

/// Windows by which `x every D` is told. They are half open, follow one another without a gap, and are alike for all sessions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Every {
    /// Windows of so many nanoseconds, counted from the Unix epoch and the offset, which is less than the length.
    Length {
        /// How long each is.
        length: Time,
        /// How long after a multiple of it each begins.
        offset: Time,
    },
    /// Windows of the calendar.
    Calendar {
        /// Which of them.
        unit: CalendarUnit,
        /// The zone, by its name in the database that comes with the binary; none is UTC.
        zone: Option<Arc<str>>,
        /// How long after the local beginning of the unit each begins, by the local clock; less than the shortest of them.
        offset: Time,
    },
}

/// A unit of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CalendarUnit {
    /// So many hours of the local clock, counted from midnight: 1, 2, 3, 4, 6, 8 or 12.
    Hours(u8),
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first to the first.
    Month,
}

impl Every {
    /// Windows of so many nanoseconds, counted from the Unix epoch.
    pub fn length(length: Time) -> Self {
        Every::Length { length, offset: 0 }
    }

    /// The window in which an instant is: its first instant, and the first after it. Windows that begin before the first
    /// instant of time, or end after the last one, are cut there.
    pub fn around(&self, at: Time) -> (Time, Time) {
        match self {
            Every::Length { length, offset } => {
                // Nearly all instants are far from both ends of time.
                if let Some(since) = at.checked_sub(*offset)
                    && let Some(begin) = at.checked_sub(since.rem_euclid(*length))
                    && let Some(end) = begin.checked_add(*length)
                    && begin > Time::MIN
                {
                    return (begin, end);
                }
                let within = |at: i128| at.clamp(i128::from(-Time::MAX), i128::from(Time::MAX)) as Time;
                let since = (i128::from(at) - i128::from(*offset)).rem_euclid(i128::from(*length));
                let begin = i128::from(at) - since;
                (within(begin), within(begin + i128::from(*length)))
            }
            Every::Calendar { unit, zone, offset } => calendar::around(*unit, zone.as_deref(), *offset, at),
        }
    }

    /// How many of them a day has, on the average of years: windows of a month begin on a thirtieth of all days or so.
    pub fn in_a_day(&self) -> f64 {
        const DAY: f64 = 86_400e9;
        match self {
            Every::Length { length, .. } => DAY / *length as f64,
            Every::Calendar { unit, .. } => match unit {
                CalendarUnit::Hours(hours) => 24.0 / f64::from(*hours),
                CalendarUnit::Day => 1.0,
                CalendarUnit::Week => 1.0 / 7.0,
                CalendarUnit::Month => 12.0 / 365.25,
            },
        }
    }

    /// The window that begins where another one ends.
    pub(crate) fn behind(&self, end: Time) -> (Time, Time) {
        match self {
            Every::Length { length, .. } => (end, end.saturating_add(*length)),
            Every::Calendar { .. } => self.around(end),
        }
    }

    /// The value of a dimension or of a group column that is a window: its first instant.
    pub fn name(&self, begin: Time) -> Value {
        Value::text(calendar::rfc3339(begin, !self.is_of_seconds()).as_str())
    }

    /// The window of such a value: its first instant, and the first after it.
    pub fn of_name(&self, name: &Value) -> Option<(Time, Time)> {
        match name {
            Value::Str(text) => calendar::parse_rfc3339(text).map(|begin| self.around(begin)),
            Value::Float(_) | Value::Int(_) | Value::Bool(_) => None,
        }
    }

    /// Whether all windows begin with a second.
    fn is_of_seconds(&self) -> bool {
        match self {
            Every::Length { length, offset } => length % crate::SECOND == 0 && offset % crate::SECOND == 0,
            Every::Calendar { offset, .. } => offset % crate::SECOND == 0,
        }
    }
}

impl CalendarUnit {
    /// The shortest that one can be, but for changes of the clock, in nanoseconds.
    pub fn shortest(self) -> Time {
        const HOUR: Time = 3600 * crate::SECOND;
        match self {
            CalendarUnit::Hours(hours) => Time::from(hours) * HOUR,
            CalendarUnit::Day => 24 * HOUR,
            CalendarUnit::Week => 7 * 24 * HOUR,
            CalendarUnit::Month => 28 * 24 * HOUR,
        }
    }
}

impl fmt::Display for CalendarUnit {
    /// As it is written behind `every`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CalendarUnit::Hours(hours) => write!(f, "{hours}h"),
            CalendarUnit::Day => f.write_str("1d"),
            CalendarUnit::Week => f.write_str("1w"),
            CalendarUnit::Month => f.write_str("1mo"),
        }
    }
}
