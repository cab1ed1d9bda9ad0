//! Exact fractions of constants.

/// A fraction in lowest terms with a positive denominator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rational {
    /// Above the line.
    pub numerator: i128,
    /// Below the line; positive.
    pub denominator: i128,
}

impl Rational {
    /// A whole number.
    pub fn whole(x: i128) -> Self {
        Rational { numerator: x, denominator: 1 }
    }

    /// A quotient in lowest terms; `None` for a zero denominator or beyond 128 bits.
    pub fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let common = i128::try_from(common_divisor(numerator.unsigned_abs(), denominator.unsigned_abs())).ok()?;
        let (n, d) = (numerator / common, denominator / common);
        if d < 0 {
            Some(Rational { numerator: n.checked_neg()?, denominator: d.checked_neg()? })
        } else {
            Some(Rational { numerator: n, denominator: d })
        }
    }

    /// The sum, if 128 bits hold it.
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, other: Self) -> Option<Self> {
        let a = self.numerator.checked_mul(other.denominator)?;
        let b = other.numerator.checked_mul(self.denominator)?;
        Rational::new(a.checked_add(b)?, self.denominator.checked_mul(other.denominator)?)
    }

    /// The product, if 128 bits hold it.
    pub fn multiply(self, other: Self) -> Option<Self> {
        Rational::new(self.numerator.checked_mul(other.numerator)?, self.denominator.checked_mul(other.denominator)?)
    }

    /// The same with the other sign, if 128 bits hold it.
    pub fn negate(self) -> Option<Self> {
        Some(Rational { numerator: self.numerator.checked_neg()?, ..self })
    }

    /// One divided by it; `None` for zero.
    pub fn inverse(self) -> Option<Self> {
        Rational::new(self.denominator, self.numerator)
    }

    /// Both parts in 64 bits, if they fit.
    pub fn parts(self) -> Option<(i64, i64)> {
        Some((i64::try_from(self.numerator).ok()?, i64::try_from(self.denominator).ok()?))
    }
}

fn common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
