//! Numbers, what windows make of them, and comparisons.

use super::logic::boolean;
use super::piecewise::{PieceSpan, Piecewise, since};
use super::state::StateTimeline;
use crate::plan::{Compare, Unit};
use crate::{Linear, Time, Value};

/// A piecewise-linear function; absent is `None`.
pub(crate) type NumberTimeline = Piecewise<Option<Linear>>;

/// A number at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PointNumber {
    /// Durations in nanoseconds, and whole numbers.
    Exact(i128),
    /// User numbers.
    Float(f64),
}

impl From<Linear> for PointNumber {
    fn from(linear: Linear) -> Self {
        match linear {
            Linear::Exact { value, .. } => PointNumber::Exact(value),
            Linear::Float { value, .. } => PointNumber::Float(value),
        }
    }
}

impl PointNumber {
    /// The value as a float.
    pub fn as_float(self) -> f64 {
        match self {
            PointNumber::Exact(value) => value as f64,
            PointNumber::Float(value) => value,
        }
    }

    /// The product; a float if either side is one.
    pub fn times(self, other: PointNumber) -> PointNumber {
        match (self, other) {
            (PointNumber::Exact(a), PointNumber::Exact(b)) => PointNumber::Exact(a.saturating_mul(b)),
            (a, b) => PointNumber::Float(a.as_float() * b.as_float()),
        }
    }

    /// `-1`, `0` or `1`: how the number compares with the other one.
    pub fn compare(self, other: PointNumber) -> i32 {
        match (self, other) {
            (PointNumber::Exact(a), PointNumber::Exact(b)) => a.cmp(&b) as i32,
            (a, b) => a.as_float().partial_cmp(&b.as_float()).map_or(0, |ordering| ordering as i32),
        }
    }

    /// `-1`, `0` or `1`.
    pub fn sign(self) -> i32 {
        self.compare(PointNumber::Exact(0))
    }
}

/// Zero of a unit.
pub(crate) fn zero(unit: Unit) -> Linear {
    match unit {
        Unit::Duration | Unit::Instant | Unit::Int => Linear::exact(0),
        Unit::Float | Unit::Area => Linear::float(0.0),
    }
}

/// A numeric state as a number.
pub(crate) fn number_of(value: &Option<Value>) -> Option<Linear> {
    match value {
        Some(Value::Int(x)) => Some(Linear::exact(i128::from(*x))),
        Some(Value::Float(x)) => Some(Linear::float(*x)),
        _ => None,
    }
}

/// A cumulative number without its absences: they read as 0. (Cumulative numbers are never absent.)
pub(crate) fn cumulative(x: &NumberTimeline, unit: Unit) -> Piecewise<Linear> {
    x.map(|linear| linear.unwrap_or(zero(unit)))
}

/// `x(t) - x(t - window)`, where `x` is 0 before its origin.
pub(crate) fn over_last(x: &Piecewise<Linear>, window: Time, unit: Unit) -> Piecewise<Linear> {
    let shifted = x.starts().into_iter().filter_map(|start| start.checked_add(window));
    Piecewise::at_instants(x.starts().into_iter().chain(shifted).collect(), |t| {
        let past = t.checked_sub(window).filter(|past| *past >= x.origin());
        x.at(t).sub(past.map_or(zero(unit), |past| x.at(past)))
    })
}

/// The comparison of two numbers at every integer nanosecond.
///
/// `exactly` is how they compare at an instant where that can be told better than by floats, and turns at some of `turns`.
pub(crate) fn compare_numbers(
    compare: Compare,
    (left, right): (&NumberTimeline, &NumberTimeline),
    exactly: &dyn Fn(Time) -> Option<i32>,
    turns: Vec<Time>,
) -> StateTimeline {
    let sides = |t: Time| Some((PointNumber::from(left.at(t)?), PointNumber::from(right.at(t)?)));
    let sign = |t: Time| sides(t).map(|(a, b)| exactly(t).unwrap_or_else(|| a.compare(b)));
    let instants = refined(left, right, &[&sign]).into_iter().chain(turns).collect();
    Piecewise::at_instants(instants, |t| boolean(sign(t).map(|sign| compare.holds(sign.cmp(&0)))))
}

/// All instants at which either function may turn, and those within its pieces at which one of the signs does.
pub(crate) fn refined(a: &NumberTimeline, b: &NumberTimeline, signs: &[&dyn Fn(Time) -> Option<i32>]) -> Vec<Time> {
    let mut starts: Vec<Time> = a.starts().into_iter().chain(b.starts()).collect();
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().map(Some).chain(std::iter::once(None));
    let pieces = starts.iter().copied().zip(ends).map(|(start, end)| PieceSpan { start, end, value: () });
    let turns: Vec<Time> = pieces.flat_map(|piece| signs.iter().flat_map(move |sign| turns(&piece, sign))).collect();
    starts.into_iter().chain(turns).collect()
}

/// The integer nanoseconds of a piece at which the sign of a linear function is first another one.
///
/// Such a sign only ever goes up, or only down, so a search by halves finds every turn.
fn turns(piece: &PieceSpan<()>, sign: &dyn Fn(Time) -> Option<i32>) -> Vec<Time> {
    let last = piece.end.map_or(Time::MAX, |end| end - 1);
    let (mut from, mut found) = (piece.start, vec![]);
    while sign(from) != sign(last) {
        let (mut same, mut other) = (from, last);
        while since(same, other) > 1 {
            let middle = ((i128::from(same) + i128::from(other)).div_euclid(2)) as Time;
            if sign(middle) == sign(from) {
                same = middle;
            } else {
                other = middle;
            }
        }
        found.push(other);
        from = other;
    }
    found
}
