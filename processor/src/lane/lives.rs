//! How many sessions a lane has, counted as they come and go: to go through all of them for that would hold up every question
//! for as long as a million sessions take.

use super::slab::Life;

/// The sessions of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lives {
    /// Those that are alive.
    pub(super) live: u64,
    /// Those that are over and remembered.
    pub(super) closed: u64,
}

impl Lives {
    /// Counts what slots hold.
    pub(super) fn of(all: impl Iterator<Item = Life>) -> Lives {
        let mut lives = Lives::default();
        all.for_each(|life| lives.change(Life::Empty, life));
        lives
    }

    /// A slot that held one thing holds another one from now on.
    #[inline]
    pub(super) fn change(&mut self, was: Life, is: Life) {
        if was != is {
            self.count(was).into_iter().for_each(|count| *count -= 1);
            self.count(is).into_iter().for_each(|count| *count += 1);
        }
    }

    fn count(&mut self, life: Life) -> Option<&mut u64> {
        match life {
            Life::Empty => None,
            Life::Live => Some(&mut self.live),
            Life::Closed => Some(&mut self.closed),
        }
    }
}
