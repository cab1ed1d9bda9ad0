//! What kind of timeline a node is, and what its numbers count.

use crate::Type;
use std::fmt;

/// What kind of timeline a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimelineKind {
    /// A sequence of events.
    Event(Type),
    /// A step function.
    State(Type),
    /// A piecewise-linear function.
    Number(Unit),
    /// A quotient of two numbers.
    Ratio(RatioUnit),
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Nanoseconds, exact; shown as decimal seconds.
    Duration,
    /// A whole number, exact.
    Int,
    /// A 64-bit float.
    Float,
    /// An instant: nanoseconds since the Unix epoch, exact.
    Instant,
    /// A plain number times seconds, the area under a curve: a float, kept times nanoseconds and shown times seconds.
    Area,
}

impl Unit {
    /// Whether numbers of the two units can be added and compared.
    pub fn same_measure(self, other: Unit) -> bool {
        let measure = |unit| match unit {
            Unit::Duration => 0,
            Unit::Int | Unit::Float => 1,
            Unit::Area => 2,
            Unit::Instant => 3,
        };
        measure(self) == measure(other)
    }

    /// Whether its numbers are floats, and not exact integers.
    pub fn is_float(self) -> bool {
        matches!(self, Unit::Float | Unit::Area)
    }

    /// What the sum of two units counts, if they can be added: a duration behind an instant is another instant.
    pub fn plus(self, other: Unit) -> Option<Unit> {
        match (self, other) {
            (Unit::Instant, Unit::Duration) | (Unit::Duration, Unit::Instant) => Some(Unit::Instant),
            (Unit::Instant, _) | (_, Unit::Instant) => None,
            (a, b) => a.same_measure(b).then(|| a.joined(b)),
        }
    }

    /// What the difference of two units counts: between two instants it is a duration.
    pub fn minus(self, other: Unit) -> Option<Unit> {
        match (self, other) {
            (Unit::Instant, Unit::Instant) => Some(Unit::Duration),
            (Unit::Instant, Unit::Duration) => Some(Unit::Instant),
            (Unit::Instant, _) | (_, Unit::Instant) => None,
            (a, b) => a.same_measure(b).then(|| a.joined(b)),
        }
    }

    /// The unit of what may be either of two numbers of one measure.
    pub fn joined(self, other: Unit) -> Unit {
        if self == Unit::Float || other == Unit::Float { Unit::Float } else { self }
    }
}

/// What a ratio counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RatioUnit {
    /// A plain float: both sides count alike.
    Plain,
    /// A plain number by a duration: a float, per second.
    PerSecond,
    /// A duration by a plain number: a duration.
    Duration,
}

impl RatioUnit {
    /// What the quotient of two units counts; `None` where only a multiple of the numerator would make sense of it.
    ///
    /// An area by a plain number is kept in nanoseconds, and so a duration that is no whole number of them.
    pub fn of(numerator: Unit, denominator: Unit) -> Option<Self> {
        use Unit::{Area, Duration, Float, Instant, Int};
        match (numerator, denominator) {
            (Duration | Area, Duration | Area) | (Int | Float, Int | Float) => Some(RatioUnit::Plain),
            (Duration | Area, Int | Float) => Some(RatioUnit::Duration),
            (Int | Float, Duration) => Some(RatioUnit::PerSecond),
            (Int | Float, Area) | (Instant, _) | (_, Instant) => None,
        }
    }
}

impl TimelineKind {
    /// The type of the values that such a timeline says at an instant, if it changes in steps and has no unit.
    pub fn stepped(self) -> Option<Type> {
        match self {
            TimelineKind::State(ty) => Some(ty),
            TimelineKind::Number(Unit::Int) => Some(Type::Int),
            TimelineKind::Number(Unit::Float) | TimelineKind::Ratio(RatioUnit::Plain | RatioUnit::PerSecond) => {
                Some(Type::Float)
            }
            _ => None,
        }
    }
}

impl TimelineKind {
    /// The type of what such a timeline is as the payload of an event; a duration and an instant are their nanoseconds.
    pub fn sampled(self) -> Option<Type> {
        match self {
            TimelineKind::State(ty) => Some(ty),
            TimelineKind::Number(Unit::Int | Unit::Duration | Unit::Instant)
            | TimelineKind::Ratio(RatioUnit::Duration) => Some(Type::Int),
            TimelineKind::Number(Unit::Float) | TimelineKind::Ratio(RatioUnit::Plain | RatioUnit::PerSecond) => {
                Some(Type::Float)
            }
            TimelineKind::Number(Unit::Area) | TimelineKind::Event(_) => None,
        }
    }
}

impl TimelineKind {
    /// What may be either of two timelines: states of one type, or numbers of one measure.
    pub(crate) fn joined(self, other: TimelineKind) -> Option<TimelineKind> {
        match (self, other) {
            (TimelineKind::State(a), TimelineKind::State(b)) if a == b => Some(self),
            (TimelineKind::Number(a), TimelineKind::Number(b)) if a.same_measure(b) => {
                Some(TimelineKind::Number(a.joined(b)))
            }
            _ => None,
        }
    }
}

/// Whether values of the types can be compared.
pub(crate) fn comparable(a: Type, b: Type) -> bool {
    a == b || (a.is_numeric() && b.is_numeric())
}

impl fmt::Display for TimelineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimelineKind::Event(ty) => write!(f, "event<{ty}>"),
            TimelineKind::State(ty) => write!(f, "state<{ty}>"),
            TimelineKind::Number(Unit::Duration) | TimelineKind::Ratio(RatioUnit::Duration) => f.write_str("duration"),
            TimelineKind::Number(Unit::Area) => f.write_str("value seconds"),
            TimelineKind::Number(Unit::Instant) => f.write_str("instant"),
            TimelineKind::Number(_) => f.write_str("number"),
            TimelineKind::Ratio(RatioUnit::Plain) => f.write_str("ratio"),
            TimelineKind::Ratio(RatioUnit::PerSecond) => f.write_str("number per second"),
        }
    }
}
