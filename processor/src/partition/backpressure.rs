//! How much is fed at once.
//!
//! Checkpoints, questions and stops come between two rounds, so a round is to be short. Most events cost so little that a
//! block of a mebibyte is; but one after a long silence may begin thousands of windows. So what is fed at once follows from
//! how long the lanes were busy before: the clock decides how the log is cut, and how it is cut changes no answer.

use std::time::Duration;

/// A round that takes longer is followed by one of as many bytes as would have taken that long.
const LONG: Duration = Duration::from_millis(10);
/// A round that takes less is followed by one of twice the bytes.
const SHORT: Duration = Duration::from_millis(3);
/// The least: a few events.
const LEAST: usize = 1 << 9;
/// The most: what sources hand out.
const MOST: usize = 1 << 20;

/// How many bytes are fed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backpressure {
    bytes: usize,
}

impl Backpressure {
    /// The first blocks are small, for nobody knows yet.
    pub(super) fn new() -> Self {
        Backpressure { bytes: 1 << 15 }
    }

    /// Notes how long a lane was busy with what was fed to it.
    pub(super) fn note(&mut self, took: Duration) {
        if took > LONG {
            let fitting = self.bytes as u128 * LONG.as_nanos() / took.as_nanos();
            self.bytes = (fitting as usize).clamp(LEAST, self.bytes);
        } else if took > Duration::ZERO && took < SHORT {
            self.bytes = (self.bytes * 2).min(MOST);
        }
    }

    /// How many bytes are to be fed at once.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{Backpressure, LEAST, LONG, MOST, SHORT};
    use std::time::Duration;

    #[test]
    fn slow_rounds_get_small_and_fast_ones_large() {
        let mut pace = Backpressure::new();
        let begun = pace;
        pace.note(Duration::ZERO);
        pace.note((LONG + SHORT) / 2);
        assert_eq!(pace, begun, "nothing is known of those who did nothing");
        (0..20).for_each(|_| pace.note(SHORT / 2));
        assert_eq!(pace.bytes(), MOST);
        pace.note(LONG * 2);
        assert_eq!(pace.bytes(), MOST / 2);
        pace.note(LONG * 8);
        assert_eq!(pace.bytes(), MOST / 16, "at once, however long it was");
        (0..20).for_each(|_| pace.note(LONG * 2));
        assert_eq!(pace.bytes(), LEAST);
    }
}
