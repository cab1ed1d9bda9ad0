//! What is wanted of an answer: whether anybody still waits for it, and between which instants its rows are.

use serde::{Deserialize, Serialize};

/// Whether somebody still waits for an answer.
pub type IsWanted<'a> = &'a (dyn Fn() -> bool + Sync);

/// The instants that are wanted, both bounds with them, in nanoseconds since the Unix epoch; no bound where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBounds {
    /// The first one.
    pub from: Option<i64>,
    /// The last one.
    pub to: Option<i64>,
}

impl TimeBounds {
    /// What both let through.
    #[must_use]
    pub fn and(self, other: TimeBounds) -> TimeBounds {
        let from = self.from.max(other.from);
        let to = self.to.into_iter().chain(other.to).min();
        TimeBounds { from, to }
    }

    /// What one of them lets through, and what lies between.
    #[must_use]
    pub fn or(self, other: TimeBounds) -> TimeBounds {
        let from = self.from.zip(other.from).map(|(a, b)| a.min(b));
        let to = self.to.zip(other.to).map(|(a, b)| a.max(b));
        TimeBounds { from, to }
    }

    /// Whether there may be such an instant among those of which the first and the last are known.
    pub fn meet(self, first: i64, last: i64) -> bool {
        self.from.is_none_or(|from| from <= last) && self.to.is_none_or(|to| first <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::TimeBounds;

    #[test]
    fn bounds_of_time_let_through_what_they_say() {
        let bounds = |from: Option<i64>, to: Option<i64>| TimeBounds { from, to };
        let between = |from: i64, to: i64| bounds(Some(from), Some(to));
        assert_eq!(bounds(Some(1), None).and(between(2, 9)).and(bounds(None, Some(7))), between(2, 7));
        assert_eq!(between(1, 3).or(between(7, 9)), between(1, 9));
        assert_eq!(between(1, 3).or(bounds(None, Some(9))), bounds(None, Some(9)));
        assert_eq!(between(1, 3).or(TimeBounds::default()), TimeBounds::default());
        let meet = |first, last| between(3, 5).meet(first, last);
        assert_eq!([(1, 2), (1, 3), (4, 4), (5, 9), (6, 9)].map(|(a, b)| meet(a, b)), [false, true, true, true, false]);
        assert!(TimeBounds::default().meet(i64::MIN, i64::MIN));
    }
}
