//! When sessions are to be looked at again: by event time, in coarse slots, validated when they come up.
//!
//! A session has one entry however often its deadline moves: the entry says when to look, the session says whether
//! it is time, and else the entry is put back at the session's present deadline. So an event costs nothing here.

use super::slab::Slot;
use std::collections::BTreeMap;
use timeline_core::Time;

/// Slots by the time at which to look at them.
#[derive(Debug)]
pub(super) struct Wheel {
    width: Time,
    turns: BTreeMap<Time, Vec<Slot>>,
}

impl Wheel {
    /// `width`: how coarse it may be, in nanoseconds; positive. Nothing is looked at too early, only later by less than this.
    pub(super) fn new(width: Time) -> Self {
        Wheel { width, turns: BTreeMap::new() }
    }

    /// Looks at the slot once time is beyond `at`.
    pub(super) fn push(&mut self, at: Time, slot: Slot) {
        self.turns.entry(at.div_euclid(self.width)).or_default().push(slot);
    }

    /// The slots whose whole turn is before `frontier`, and which turn it is.
    pub(super) fn pop(&mut self, frontier: Time) -> Option<(Time, Vec<Slot>)> {
        let first = self.turns.first_entry()?;
        if *first.key() < frontier.div_euclid(self.width) { Some(first.remove_entry()) } else { None }
    }

    /// Puts slots of a turn back, for nobody has looked at them.
    pub(super) fn put_back(&mut self, turn: Time, slots: &[Slot]) {
        self.turns.entry(turn).or_default().extend_from_slice(slots);
    }
}
