//! What is true of one card, kept as its uses come in the order of event time.
//!
//! A *run* is a sequence of uses, each at most ten minutes after the one before: at exactly ten minutes the window of the
//! one before ends where that of the next begins, so nothing shows between them.
//! A run ends ten minutes after its last use, and travel within it is impossible from the first change of the city on.

use timeline_core::{SECOND, Time};

use super::CITIES;
use crate::truth::{SessionReading, TruthLedger};

/// How long a card counts as in use after a use of it.
pub(super) const IN_USE: Time = 600 * SECOND;

/// The accounts of a card that has been used.
#[derive(Clone, Debug)]
pub(super) struct CardMachine {
    start: Time,
    last: Time,
    city: u8,
    impossible_since: Option<Time>,
    /// By city, which says the country: time in use, `None` where the card never was.
    in_use: [Option<Time>; CITIES.len()],
}

impl CardMachine {
    /// A card with its first use.
    pub(super) fn new(time: Time, city: u8) -> Self {
        let mut in_use = [None; CITIES.len()];
        in_use[usize::from(city)] = Some(0);
        CardMachine { start: time, last: time, city, impossible_since: None, in_use }
    }

    /// A use after the last one.
    pub(super) fn apply(&mut self, number: u32, time: Time, city: u8, ledger: &mut TruthLedger) {
        debug_assert!(time > self.last, "a card is not used twice in an instant");
        self.pass(time);
        if time > self.last + IN_USE {
            if let Some(since) = self.impossible_since.take() {
                ledger.alert(number, "impossible_travel", since, Some(self.last + IN_USE));
            }
        } else if city != self.city && self.impossible_since.is_none() {
            self.impossible_since = Some(time);
        }
        self.in_use[usize::from(city)].get_or_insert(0);
        self.city = city;
        self.last = time;
    }

    /// Whether travel has been impossible in the run of the last use.
    pub(super) fn is_impossible(&self) -> bool {
        self.impossible_since.is_some()
    }

    /// Reads the card at the horizon; cards have no end.
    pub(super) fn finish(mut self, number: u32, horizon: Time, ledger: &mut TruthLedger) {
        self.pass(horizon);
        if let Some(since) = self.impossible_since {
            let end = self.last + IN_USE;
            ledger.alert(number, "impossible_travel", since, (end <= horizon).then_some(end));
        }
        let reading = SessionReading { number, start: self.start, read: horizon, closed: false };
        ledger.session(reading);
        for (city, in_use) in CITIES.iter().zip(self.in_use) {
            if let Some(value) = in_use {
                ledger.value(reading, "time_in_use", city.country, value);
            }
        }
    }

    /// Charges the time in use since the last one to the country.
    fn pass(&mut self, until: Time) {
        let charged = until.min(self.last + IN_USE) - self.last;
        *self.in_use[usize::from(self.city)].get_or_insert(0) += charged;
    }
}
