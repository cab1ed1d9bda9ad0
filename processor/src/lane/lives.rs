//! How many sessions a lane has, counted as they come and go: to go through all of them for that would hold up every question
//! for as long as a million sessions take.

use super::slab::SlotContent;

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
    pub(super) fn of(all: impl Iterator<Item = SlotContent>) -> Lives {
        let mut lives = Lives::default();
        all.for_each(|life| lives.change(SlotContent::Empty, life));
        lives
    }

    /// A slot that held one thing holds another one from now on.
    #[inline]
    pub(super) fn change(&mut self, was: SlotContent, is: SlotContent) {
        if was != is {
            self.count(was).into_iter().for_each(|count| *count -= 1);
            self.count(is).into_iter().for_each(|count| *count += 1);
        }
    }

    fn count(&mut self, life: SlotContent) -> Option<&mut u64> {
        match life {
            SlotContent::Empty => None,
            SlotContent::Live => Some(&mut self.live),
            SlotContent::Closed => Some(&mut self.closed),
        }
    }
}
