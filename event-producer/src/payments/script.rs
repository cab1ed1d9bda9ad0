//! What the owners of cards do, and what thieves do.
//!
//! An owner shops in runs of a few payments, and goes to another city only in a pause of hours.
//! A cloned card is also used far away within ten minutes of a payment - to the millisecond, now and then - so the cards
//! that show impossible travel are the cloned ones that were used so, and no others.

use timeline_core::Time;

use super::machine::{CardMachine, IN_USE};
use super::{CITIES, Payment};
use crate::MILLISECOND;
use crate::rng::Rng;
use crate::truth::TruthLedger;

/// The first uses of all cards fall in so many milliseconds.
pub(crate) const SPREAD_MS: u64 = 60 * MINUTE_MS;

const MINUTE_MS: u64 = 60_000;
const IN_USE_MS: u64 = (IN_USE / MILLISECOND) as u64;

/// All cards.
#[derive(Debug)]
pub(crate) struct Cards(Vec<Card>);

#[derive(Debug)]
struct Card {
    /// Where the next use is.
    city: u8,
    cloned: bool,
    /// Whether the next use is a thief's, within ten minutes of the last one and elsewhere.
    planted: bool,
    machine: Option<CardMachine>,
}

impl Cards {
    pub(crate) fn new(seats: u32, rng: &mut Rng) -> Self {
        let card = |number| Card {
            city: any_city(rng),
            // One in a hundred, and always one, so that small logs have something to find.
            cloned: rng.per_mille(10) || number == 0,
            planted: false,
            machine: None,
        };
        Cards((0..seats).map(card).collect())
    }

    /// The card's use at `now`, and after how many milliseconds it has its next one.
    pub(crate) fn step(&mut self, seat: u32, now: Time, rng: &mut Rng, ledger: &mut TruthLedger) -> (Payment, u64) {
        let card = &mut self.0[seat as usize];
        let was_impossible = card.machine.as_ref().is_some_and(CardMachine::is_impossible);
        match &mut card.machine {
            Some(machine) => machine.apply(seat, now, card.city, ledger),
            none => *none = Some(CardMachine::new(now, card.city)),
        }
        let is_impossible = card.machine.as_ref().is_some_and(CardMachine::is_impossible);
        debug_assert!(!is_impossible || was_impossible || card.planted, "only thieves travel impossibly");
        debug_assert!(!card.planted || is_impossible, "thieves travel impossibly");
        let payment = pay(seat, card.city, rng);
        (payment, card.plan(rng))
    }

    /// A payment in any city: it could make travel impossible if it were counted.
    pub(crate) fn stray(&self, seat: u32, rng: &mut Rng) -> Payment {
        pay(seat, any_city(rng), rng)
    }

    /// Reads all cards at the horizon.
    pub(crate) fn finish(&mut self, horizon: Time, ledger: &mut TruthLedger) {
        for (card, number) in self.0.iter_mut().zip(0..) {
            if let Some(machine) = card.machine.take() {
                machine.finish(number, horizon, ledger);
            }
        }
    }
}

impl Card {
    /// Where the next use is, and after how many milliseconds.
    fn plan(&mut self, rng: &mut Rng) -> u64 {
        self.planted = self.cloned && rng.per_mille(150);
        if self.planted {
            self.city = another_city(self.city, rng);
            return if rng.per_mille(100) { IN_USE_MS } else { rng.between(MINUTE_MS, IN_USE_MS - 1) };
        }
        match rng.below(100) {
            0..55 => rng.between(30_000, 9 * MINUTE_MS),
            // A run goes on at exactly ten minutes, and ends a millisecond later.
            55..57 => IN_USE_MS,
            57..59 => IN_USE_MS + 1,
            59..90 => rng.between(30 * MINUTE_MS, 6 * 60 * MINUTE_MS),
            _ => {
                self.city = another_city(self.city, rng);
                rng.between(3 * 60 * MINUTE_MS, 12 * 60 * MINUTE_MS)
            }
        }
    }
}

fn pay(card: u32, city: u8, rng: &mut Rng) -> Payment {
    Payment {
        card,
        amount: rng.between(99, 20_000) as u32,
        city: &CITIES[usize::from(city)],
        terminal: rng.per_mille(200).then(|| rng.below(10_000) as u16),
    }
}

fn any_city(rng: &mut Rng) -> u8 {
    rng.below(CITIES.len() as u64) as u8
}

fn another_city(city: u8, rng: &mut Rng) -> u8 {
    let further = rng.between(1, CITIES.len() as u64 - 1) as u8;
    (city + further) % CITIES.len() as u8
}
