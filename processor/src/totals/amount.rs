//! What a session's value comes to, and what a row shows of it.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use timeline_core::incremental::TimelineValue;
use timeline_core::plan::{RatioUnit, TimelineKind, Unit};
use timeline_core::value::compare_int_float;
use timeline_core::{Linear, SECOND, Time, Value, whole_instant_text};

/// A number: exact, or a float.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum FoldedNumber {
    /// Nanoseconds, or a whole number.
    Exact(i128),
    /// A user number.
    Float(f64),
}

/// A value that is shown or aggregated.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// No value.
    Absent,
    /// A duration in nanoseconds.
    Duration(i128),
    /// A whole number.
    Int(i128),
    /// A user number.
    Float(f64),
    /// A quotient; no value where the denominator is zero.
    Ratio {
        /// Above the line.
        numerator: FoldedNumber,
        /// Below the line.
        denominator: FoldedNumber,
        /// What it counts.
        unit: RatioUnit,
    },
    /// Another state's value.
    State(Value),
}

impl FoldedNumber {
    pub(super) fn of(linear: Linear) -> Self {
        match linear {
            Linear::Exact { value, .. } => FoldedNumber::Exact(value),
            Linear::Float { value, .. } => FoldedNumber::Float(value),
        }
    }

    /// As a float.
    pub fn as_float(self) -> f64 {
        match self {
            FoldedNumber::Exact(x) => x as f64,
            FoldedNumber::Float(x) => x,
        }
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.as_float() == 0.0
    }

    fn is_negative(self) -> bool {
        self.as_float() < 0.0
    }

    fn times(self, other: FoldedNumber) -> FoldedNumber {
        match (self, other) {
            (FoldedNumber::Exact(a), FoldedNumber::Exact(b)) => FoldedNumber::Exact(a.saturating_mul(b)),
            (a, b) => FoldedNumber::Float(a.as_float() * b.as_float()),
        }
    }

    /// Orders two numbers; floats are finite.
    pub fn order(self, other: FoldedNumber) -> Ordering {
        match (self, other) {
            (FoldedNumber::Exact(a), FoldedNumber::Exact(b)) => a.cmp(&b),
            (FoldedNumber::Float(a), FoldedNumber::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (FoldedNumber::Exact(a), FoldedNumber::Float(b)) => mixed(a, b),
            (FoldedNumber::Float(a), FoldedNumber::Exact(b)) => mixed(b, a).reverse(),
        }
    }
}

fn mixed(a: i128, b: f64) -> Ordering {
    match i64::try_from(a) {
        Ok(a) => compare_int_float(a, b).unwrap_or(Ordering::Equal),
        Err(_) => (a as f64).partial_cmp(&b).unwrap_or(Ordering::Equal),
    }
}

impl Amount {
    /// What a reading of that kind comes to, at its instant.
    pub fn of(reading: &TimelineValue, kind: TimelineKind) -> Self {
        match (reading, kind) {
            (TimelineValue::Absent, _) => Amount::Absent,
            (TimelineValue::State(Value::Int(x)), _) => Amount::Int(i128::from(*x)),
            (TimelineValue::State(Value::Float(x)), _) => Amount::Float(*x),
            (TimelineValue::State(value), _) => Amount::State(value.clone()),
            (TimelineValue::Number(x), kind) => match (FoldedNumber::of(*x), kind) {
                (x, TimelineKind::Number(Unit::Area)) => Amount::Float(x.as_float() / SECOND as f64),
                (FoldedNumber::Exact(x), TimelineKind::Number(Unit::Duration)) => Amount::Duration(x),
                (FoldedNumber::Exact(x), TimelineKind::Number(Unit::Instant)) => {
                    let at = x.clamp(i128::from(Time::MIN), i128::from(Time::MAX)) as Time;
                    // With all nine digits, so that texts of instants are in order.
                    Amount::State(Value::text(&whole_instant_text(at)))
                }
                (FoldedNumber::Exact(x), TimelineKind::Number(Unit::Float)) => Amount::Float(x as f64),
                (FoldedNumber::Exact(x), _) => Amount::Int(x),
                (FoldedNumber::Float(x), _) => Amount::Float(x),
            },
            (TimelineValue::Ratio { numerator, denominator }, kind) => Amount::Ratio {
                numerator: FoldedNumber::of(*numerator),
                denominator: FoldedNumber::of(*denominator),
                unit: if let TimelineKind::Ratio(unit) = kind { unit } else { RatioUnit::Plain },
            },
        }
    }

    /// Whether there is a value at all.
    pub fn is_value(&self) -> bool {
        match self {
            Amount::Absent => false,
            Amount::Ratio { denominator, .. } => !denominator.is_zero(),
            _ => true,
        }
    }

    /// Orders two values of one metric; quotients exactly.
    pub fn order(&self, other: &Amount) -> Ordering {
        match (self, other) {
            (Amount::Duration(a) | Amount::Int(a), Amount::Duration(b) | Amount::Int(b)) => a.cmp(b),
            (Amount::Float(a), Amount::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (
                Amount::Ratio { numerator: n, denominator: d, .. },
                Amount::Ratio { numerator: m, denominator: e, .. },
            ) => {
                let order = n.times(*e).order(m.times(*d));
                if d.is_negative() != e.is_negative() { order.reverse() } else { order }
            }
            (Amount::State(a), Amount::State(b)) => a.cmp(b),
            (a, b) => a.number().order(b.number()),
        }
    }

    /// As a number; a quotient as its float. 0 where it is none.
    pub fn number(&self) -> FoldedNumber {
        match self {
            Amount::Duration(x) | Amount::Int(x) => FoldedNumber::Exact(*x),
            Amount::Float(x) => FoldedNumber::Float(*x),
            Amount::Ratio { .. } => FoldedNumber::Float(self.quotient().unwrap_or(0.0)),
            Amount::Absent | Amount::State(_) => FoldedNumber::Exact(0),
        }
    }

    /// A quotient as a float: plain, or per second, or (a duration) in nanoseconds.
    pub fn quotient(&self) -> Option<f64> {
        match self {
            Amount::Ratio { numerator, denominator, unit } if !denominator.is_zero() => {
                let per = if *unit == RatioUnit::PerSecond { 1e9 } else { 1.0 };
                Some(numerator.as_float() * per / denominator.as_float())
            }
            _ => None,
        }
    }

    /// A quotient that is a duration, in whole nanoseconds: the nearest, halves away from zero.
    pub fn duration_quotient(&self) -> Option<i128> {
        match self {
            Amount::Ratio { numerator: FoldedNumber::Exact(n), denominator: FoldedNumber::Exact(d), .. } if *d != 0 => {
                let (n, d) = if *d < 0 { (n.saturating_neg(), d.saturating_neg()) } else { (*n, *d) };
                let (whole, rest) = (n / d, n % d);
                Some(if rest.unsigned_abs() * 2 >= d.unsigned_abs() { whole + n.signum() } else { whole })
            }
            other => other.quotient().map(|x| x.round() as i128),
        }
    }
}
