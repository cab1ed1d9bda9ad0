//! Exact sums of floats that can be stored and merged.
//!
//! The sum is kept as floats that do not overlap (Shewchuk's expansions), so nothing is ever rounded;
//! what is shown is rounded once, by the `xsum` crate. That crate's own accumulators cannot be written down or merged.

use serde::{Deserialize, Serialize};
use xsum::{Xsum, XsumSmall};

/// An exact sum of finite floats.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ExactSum {
    /// Bits of the parts, smallest first: JSON numbers need not keep them.
    parts: Vec<u64>,
}

impl ExactSum {
    /// Adds a number.
    pub fn add(&mut self, x: f64) {
        let mut x = x;
        let mut kept = 0;
        for i in 0..self.parts.len() {
            let mut y = f64::from_bits(self.parts[i]);
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                self.parts[kept] = low.to_bits();
                kept += 1;
            }
            x = high;
        }
        self.parts.truncate(kept);
        self.parts.push(x.to_bits());
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &ExactSum) {
        for part in &other.parts {
            self.add(f64::from_bits(*part));
        }
    }

    /// The sum, rounded once.
    pub fn value(&self) -> f64 {
        let mut sum = XsumSmall::new();
        for part in &self.parts {
            sum.add(f64::from_bits(*part));
        }
        sum.sum() + 0.0
    }
}

/// Sums are equal if they show equal values: the parts of one sum need not be those of another.
impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

#[cfg(test)]
mod tests {
    use super::ExactSum;

    #[test]
    fn order_does_not_matter() {
        let numbers = [1e100, 1.0, -1e100, 1e-30, 0.1, 0.2, 0.3, -0.6];
        let sum = |numbers: &mut dyn Iterator<Item = f64>| {
            let mut sum = ExactSum::default();
            numbers.for_each(|x| sum.add(x));
            sum.value()
        };
        let forward = sum(&mut numbers.iter().copied());
        assert_eq!(forward, sum(&mut numbers.iter().rev().copied()));
        assert_eq!(forward, 1.0);
        let (mut a, mut b) = (ExactSum::default(), ExactSum::default());
        numbers[..3].iter().for_each(|x| a.add(*x));
        numbers[3..].iter().for_each(|x| b.add(*x));
        b.merge(&a);
        assert_eq!(b.value(), forward);
        assert_eq!(ExactSum::default().value(), 0.0);
    }
}
