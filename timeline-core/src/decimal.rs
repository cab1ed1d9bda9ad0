//! Sums of numbers, compared exactly as the decimals that people write.
//!
//! A float is the nearest one to some decimal, and stands for the shortest decimal that it is the nearest one to. So sums
//! and multiples of them are compared as if they had been calculated on paper: `0.1 + 0.2 > 0.3` and `0.27 > 0.3 * 0.9` are
//! false, whatever binary rounding makes of them. What is far apart is told by floats alone; only where rounding could
//! matter are the decimals calculated. Beyond 38 digits the floats decide.
//!
//! Both evaluators share this, as they share the arithmetic of [`crate::Linear`].

use crate::Linear;
use crate::plan::{NodeId, Op, Plan, Unit};

/// Terms that are looked at in one comparison.
const TERMS_MAX: usize = 256;
/// By how much of the sum of all terms' sizes rounding can be wrong: far less than this.
const NEAR: f64 = 1e-12;

/// The sign of a sum of multiples of numbers, of which none moves by itself; nothing where that cannot be told exactly.
///
/// `says` is what a number is at the instant.
pub(crate) fn sign(plan: &Plan, sum: &[(NodeId, i64)], says: &dyn Fn(NodeId) -> Option<Linear>) -> Option<i32> {
    let mut terms = Terms { plan, says, left: TERMS_MAX, value: 0.0, size: 0.0, has_float: false };
    for (id, factor) in sum {
        terms.add(*id, *factor as f64)?;
    }
    if !terms.has_float {
        return None;
    }
    if terms.value.abs() > terms.size * NEAR {
        return Some(if terms.value > 0.0 { 1 } else { -1 });
    }
    let mut total = ExactDecimal { digits: 0, exponent: 0 };
    for (id, factor) in sum {
        total = decimal(plan, *id, i128::from(*factor), says, total)?;
    }
    Some(total.digits.signum() as i32)
}

/// A sum as floats, with the sum of its terms' sizes.
struct Terms<'a> {
    plan: &'a Plan,
    says: &'a dyn Fn(NodeId) -> Option<Linear>,
    left: usize,
    value: f64,
    size: f64,
    has_float: bool,
}

impl Terms<'_> {
    fn add(&mut self, id: NodeId, factor: f64) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        match &self.plan.node(id).op {
            Op::Add(a, b) => {
                self.add(*a, factor)?;
                self.add(*b, factor)
            }
            Op::Sub(a, b) => {
                self.add(*a, factor)?;
                self.add(*b, -factor)
            }
            Op::Scale { of, factor: times } => self.add(*of, factor * *times as f64),
            _ => {
                let value = match (self.says)(id)? {
                    Linear::Exact { value, slope: 0 } => value as f64,
                    Linear::Float { value, slope: 0.0, .. } => {
                        self.has_float = true;
                        value
                    }
                    Linear::Exact { .. } | Linear::Float { .. } => return None,
                };
                self.value += value * factor;
                self.size += (value * factor).abs();
                self.size.is_finite().then_some(())
            }
        }
    }
}

/// `total` and a multiple of a number.
fn decimal(
    plan: &Plan,
    id: NodeId,
    factor: i128,
    says: &dyn Fn(NodeId) -> Option<Linear>,
    total: ExactDecimal,
) -> Option<ExactDecimal> {
    let own = match &plan.node(id).op {
        Op::Add(a, b) => return decimal(plan, *b, factor, says, decimal(plan, *a, factor, says, total)?),
        Op::Sub(a, b) => return decimal(plan, *b, -factor, says, decimal(plan, *a, factor, says, total)?),
        Op::Scale { of, factor: times } => {
            return decimal(plan, *of, factor.checked_mul(i128::from(*times))?, says, total);
        }
        Op::ConstantNumber { numerator, denominator, unit } => constant(*numerator, *denominator, *unit)?,
        _ => match says(id)? {
            Linear::Exact { value, .. } => ExactDecimal { digits: value, exponent: 0 },
            Linear::Float { value, .. } => ExactDecimal::shortest(value)?,
        },
    };
    total.plus(ExactDecimal { digits: own.digits.checked_mul(factor)?, ..own })
}

/// A constant that is a decimal.
fn constant(numerator: i64, denominator: i64, unit: Unit) -> Option<ExactDecimal> {
    if unit == Unit::Area {
        return None;
    }
    let (numerator, denominator) = (i128::from(numerator), i128::from(denominator));
    let power = (0..=18).find(|power| 10i128.pow(*power) % denominator == 0)?;
    Some(ExactDecimal { digits: numerator.checked_mul(10i128.pow(power) / denominator)?, exponent: -(power as i32) })
}

/// `digits * 10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ExactDecimal {
    digits: i128,
    exponent: i32,
}

impl ExactDecimal {
    /// The shortest decimal that the float is the nearest one to.
    fn shortest(x: f64) -> Option<Self> {
        let text = format!("{x:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some(ExactDecimal { digits, exponent: exponent.parse::<i32>().ok()? - fraction.len() as i32 })
    }

    fn plus(self, other: Self) -> Option<Self> {
        let exponent = match (self.digits, other.digits) {
            (0, _) => return Some(other),
            (_, 0) => return Some(self),
            _ => self.exponent.min(other.exponent),
        };
        let aligned = |x: ExactDecimal| {
            let power = u32::try_from(x.exponent - exponent).ok()?;
            x.digits.checked_mul(10i128.checked_pow(power)?)
        };
        Some(ExactDecimal { digits: aligned(self)?.checked_add(aligned(other)?)?, exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::ExactDecimal;

    #[track_caller]
    fn check(x: f64, digits: i128, exponent: i32) {
        assert_eq!(ExactDecimal::shortest(x), Some(ExactDecimal { digits, exponent }), "{x}");
    }

    #[test]
    fn floats_are_the_decimals_that_they_are_written_as() {
        check(0.1, 1, -1);
        check(-12.5, -125, -1);
        check(3e300, 3, 300);
        check(0.0, 0, 0);
        check(1.0, 1, 0);
        check(0.30000000000000004, 30_000_000_000_000_004, -17);
    }

    #[test]
    fn sums_are_those_on_paper() {
        let sum = |all: &[f64]| {
            let zero = Some(ExactDecimal { digits: 0, exponent: 0 });
            all.iter().fold(zero, |sum, x| sum?.plus(ExactDecimal::shortest(*x)?)).map(|sum| sum.digits.signum())
        };
        assert_eq!(sum(&[0.1, 0.2, -0.3]), Some(0));
        assert_eq!(sum(&[0.1, 0.7, -0.8]), Some(0));
        assert_eq!(sum(&[1e15, 0.001, -1e15]), Some(1));
        assert_eq!(sum(&[1e300, 1.0]), None, "beyond what 128 bits hold");
    }
}
