//! Linear pieces of number timelines, and exact comparison of them.
//!
//! A duration is an exact integer of nanoseconds with an integer slope (nanoseconds per nanosecond);
//! a user number is a 64-bit float, and beside it what was rounded away on the way to it, so that `1 + 1e100 + 1 - 1e100` is 2.
//! Exact pieces are calculated in 128 bits, so that sums and products of 64-bit durations cannot overflow
//! where they are only compared; what is shown or stored saturates at 64 bits.

use crate::plan::{RatioUnit, Unit};
use crate::{SECOND, Time, Value};

/// A linear piece: its value at some agreed instant, and its slope per nanosecond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Linear {
    /// Durations and whole numbers.
    Exact {
        /// Value at the agreed instant: nanoseconds for durations.
        value: i128,
        /// Change per nanosecond.
        slope: i128,
    },
    /// User numbers.
    Float {
        /// Value at the agreed instant.
        value: f64,
        /// What the value lacks: it is the nearest float of the sum of both.
        rest: f64,
        /// Change per nanosecond.
        slope: f64,
    },
}

impl Linear {
    /// A constant exact piece.
    pub fn exact(value: i128) -> Self {
        Linear::Exact { value, slope: 0 }
    }

    /// A constant float piece.
    pub fn float(value: f64) -> Self {
        Linear::Float { value, rest: 0.0, slope: 0.0 }
    }

    /// The same value, without its slope.
    pub fn level(self) -> Self {
        match self {
            Linear::Exact { value, .. } => Linear::exact(value),
            Linear::Float { value, rest, .. } => Linear::Float { value, rest, slope: 0.0 },
        }
    }

    /// The number as it is shown: without what a float lacks.
    pub fn rounded(self) -> Self {
        match self {
            Linear::Exact { .. } => self,
            Linear::Float { value, slope, .. } => Linear::Float { value, rest: 0.0, slope },
        }
    }

    /// The same piece as seen `dt` nanoseconds later.
    pub fn after(self, dt: Time) -> Self {
        self.after_wide(i128::from(dt))
    }

    /// The same for two instants that are farther apart than 64 bits tell.
    pub fn after_wide(self, dt: i128) -> Self {
        match self {
            Linear::Exact { value, slope } => {
                Linear::Exact { value: value.saturating_add(slope.saturating_mul(dt)), slope }
            }
            Linear::Float { slope: 0.0, .. } => self,
            Linear::Float { value, rest, slope } => {
                let (value, rest) = sum_of((value, rest), (slope * dt as f64, 0.0));
                Linear::Float { value, rest, slope }
            }
        }
    }

    /// The sum; a float if either side is one.
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, other: Self) -> Self {
        match (self, other) {
            (Linear::Exact { value: a, slope: p }, Linear::Exact { value: b, slope: q }) => {
                Linear::Exact { value: a.saturating_add(b), slope: p.saturating_add(q) }
            }
            (a, b) => {
                let (value, rest) = sum_of(a.in_two(), b.in_two());
                Linear::Float { value, rest, slope: a.as_floats().1 + b.as_floats().1 }
            }
        }
    }

    /// The difference; a float if either side is one.
    #[allow(clippy::should_implement_trait)]
    pub fn sub(self, other: Self) -> Self {
        self.add(other.scale(-1))
    }

    /// The piece times a whole number.
    pub fn scale(self, factor: i64) -> Self {
        match self {
            Linear::Exact { value, slope } => Linear::Exact {
                value: value.saturating_mul(i128::from(factor)),
                slope: slope.saturating_mul(i128::from(factor)),
            },
            Linear::Float { value, rest, slope } => {
                let factor = factor as f64;
                let (value, rest) = sum_of((value * factor, 0.0), (rest * factor, 0.0));
                Linear::Float { value, rest, slope: slope * factor }
            }
        }
    }

    /// The product of two pieces of which one is constant; a float if either is one.
    pub fn times(self, other: Self) -> Self {
        match (self, other) {
            (Linear::Exact { value: a, slope: p }, Linear::Exact { value: b, slope: q }) => Linear::Exact {
                value: a.saturating_mul(b),
                slope: p.saturating_mul(b).saturating_add(q.saturating_mul(a)),
            },
            (a, b) => {
                let ((x, y), (slope, other)) = ((a.in_two(), b.in_two()), (a.as_floats().1, b.as_floats().1));
                let (value, rest) = sum_of((x.0 * y.0, 0.0), (x.0 * y.1 + x.1 * y.0, 0.0));
                Linear::Float { value, rest, slope: slope * y.0 + other * x.0 }
            }
        }
    }

    /// The same piece, as a float where the unit is one of floats.
    pub fn in_unit(self, unit: Unit) -> Self {
        match self {
            Linear::Exact { value, slope } if unit.is_float() => {
                Linear::Float { value: value as f64, rest: 0.0, slope: slope as f64 }
            }
            other => other,
        }
    }

    /// Value and slope as floats.
    pub fn as_floats(self) -> (f64, f64) {
        match self {
            Linear::Exact { value, slope } => (value as f64, slope as f64),
            Linear::Float { value, slope, .. } => (value, slope),
        }
    }

    /// The value as a float, and what was rounded away.
    fn in_two(self) -> (f64, f64) {
        match self {
            Linear::Exact { value, .. } => (value as f64, 0.0),
            Linear::Float { value, rest, .. } => (value, rest),
        }
    }

    /// The value at the agreed instant as a payload: a float, or an integer as far as an `int` column goes.
    pub fn sample(self, as_float: bool) -> Value {
        match self {
            Linear::Exact { value, .. } if !as_float => Value::Int(saturate(value).max(-i64::MAX)),
            other => Value::Float(other.as_floats().0.clamp(f64::MIN, f64::MAX) + 0.0),
        }
    }

    /// The quotient at the agreed instant as a payload, as [`Linear::sample`] gives numbers; none where it divides by zero.
    ///
    /// A duration is rounded to the nearest nanosecond, halves away from zero; a number by a duration is per second.
    pub fn quotient(self, denominator: Self, unit: RatioUnit) -> Option<Value> {
        if denominator.sign() == 0 {
            return None;
        }
        let ((n, _), (d, _)) = (self.as_floats(), denominator.as_floats());
        Some(match (self, denominator, unit) {
            (Linear::Exact { value: n, .. }, Linear::Exact { value: d, .. }, RatioUnit::Duration) => {
                let up = (n % d).unsigned_abs() >= d.unsigned_abs().div_ceil(2);
                Linear::exact(n / d + if up { n.signum() * d.signum() } else { 0 }).sample(false)
            }
            (_, _, RatioUnit::Duration) => Linear::exact((n / d).round() as i128).sample(false),
            (_, _, RatioUnit::PerSecond) => Linear::float(n / d * SECOND as f64).sample(true),
            (_, _, RatioUnit::Plain) => Linear::float(n / d).sample(true),
        })
    }

    /// `-1`, `0` or `1`: the sign of the value at the agreed instant.
    pub fn sign(self) -> i32 {
        match self {
            Linear::Exact { value, .. } => value.signum() as i32,
            Linear::Float { value, .. } if value > 0.0 => 1,
            Linear::Float { value, .. } if value < 0.0 => -1,
            Linear::Float { .. } => 0,
        }
    }

    /// After how many nanoseconds (at least one) the sign of the value is first another one than now; `None` if never.
    ///
    /// For an exact piece the answer is exact: the first integer nanosecond.
    /// A piece that touches zero between two integers changes sign at the later one; one that is zero at an integer
    /// changes there, and again one nanosecond later.
    pub fn next_sign_change(self) -> Option<Time> {
        let (value, slope) = match self {
            Linear::Exact { value, slope } => (value, slope),
            Linear::Float { slope: 0.0, .. } => return None,
            Linear::Float { .. } => return self.next_float_sign_change(),
        };
        let dt = match (value.signum(), slope.signum()) {
            (_, 0) => return None,
            (0, _) => 1,
            (a, b) if a == b => return None,
            // |value| nanoseconds of way at |slope| a nanosecond: the first integer at or past zero.
            _ => {
                let (way, speed) = (value.unsigned_abs(), slope.unsigned_abs());
                way.div_ceil(speed)
            }
        };
        Time::try_from(dt).ok()
    }

    fn next_float_sign_change(self) -> Option<Time> {
        let (value, slope) = self.as_floats();
        if value == 0.0 {
            return Some(1);
        }
        if (value > 0.0) == (slope > 0.0) {
            return None;
        }
        let way = (-value / slope).ceil().max(1.0);
        if way >= Time::MAX as f64 {
            return None;
        }
        // The quotient is rounded: walk to the first nanosecond at which the sign really is another one.
        let mut dt = way as Time;
        while dt > 1 && self.after(dt - 1).sign() != self.sign() {
            dt -= 1;
        }
        while self.after(dt).sign() == self.sign() {
            dt += 1;
        }
        Some(dt)
    }
}

/// A 128-bit integer, saturated to what 64 bits hold.
pub fn saturate(x: i128) -> i64 {
    i64::try_from(x).unwrap_or(if x < 0 { i64::MIN } else { i64::MAX })
}

/// The sum of two numbers, each of a float and what that lacks, in the same form: the sum of two floats is known with the
/// error that rounding made (Knuth's two-sum), and errors are summed beside it. What is not finite lacks nothing.
pub(crate) fn sum_of(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let (sum, error) = two_sum(a.0, b.0);
    if !sum.is_finite() {
        return (sum, 0.0);
    }
    two_sum(sum, error + (a.1 + b.1))
}

/// The sum of a number of that form and a finite float, kept finite.
pub(crate) fn add_finite(a: (f64, f64), b: f64) -> (f64, f64) {
    let (sum, rest) = sum_of(a, (b, 0.0));
    if sum.is_finite() { (sum, rest) } else { (sum.clamp(f64::MIN, f64::MAX), 0.0) }
}

fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

#[cfg(test)]
mod tests {
    use super::{Linear, add_finite};

    #[test]
    fn what_is_rounded_away_is_kept() {
        let sum = [1.0, 1e100, 1.0, -1e100].into_iter().fold((0.0, 0.0), add_finite);
        assert_eq!(sum, (2.0, 0.0));
        let sum = (0..10).fold((0.0, 0.0), |sum, _| add_finite(sum, 0.1));
        assert_eq!(sum.0, 1.0, "ten tenths");
        assert_eq!(add_finite((f64::MAX, 0.0), f64::MAX), (f64::MAX, 0.0));
        assert_eq!(add_finite(add_finite((f64::MAX, 0.0), f64::MAX), f64::MIN).0, 0.0);
    }

    #[test]
    fn differences_of_large_sums_are_what_was_added() {
        let large = Linear::float(1e100);
        let sum = [1.0, 3.0].into_iter().fold(large, |sum, x| sum.add(Linear::float(x)));
        assert_eq!(sum.sub(large), Linear::float(4.0));
        assert_eq!(sum.scale(-2).add(large.scale(2)), Linear::float(-8.0));
        let moving = Linear::Float { value: 1e100, rest: 0.0, slope: 0.5 };
        assert_eq!(moving.after(3).sub(large).level(), Linear::float(1.5));
    }
}
