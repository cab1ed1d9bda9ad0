//! The seats of a model, behind one door.

use timeline_core::Time;

use crate::model::{EventBody, Model};
use crate::rng::Rng;
use crate::truth::TruthLedger;
use crate::{devices, payments, video};

/// All live sessions of a model.
#[derive(Debug)]
pub(crate) enum ModelWorld {
    Video(video::Viewers),
    Payments(payments::Cards),
    Devices(devices::Devices),
}

impl ModelWorld {
    pub(crate) fn new(model: Model, seats: u32, rng: &mut Rng) -> Self {
        match model {
            Model::Video => ModelWorld::Video(video::Viewers::new(seats)),
            Model::Payments => ModelWorld::Payments(payments::Cards::new(seats, rng)),
            Model::Devices => ModelWorld::Devices(devices::Devices::new(seats, rng)),
        }
    }

    /// How long after the start of the log the seat's first event is, in milliseconds.
    pub(crate) fn first_ms(&self, rng: &mut Rng) -> u64 {
        rng.below(match self {
            ModelWorld::Video(_) => video::SPREAD_MS,
            ModelWorld::Payments(_) => payments::SPREAD_MS,
            ModelWorld::Devices(_) => devices::SPREAD_MS,
        })
    }

    /// The seat's event at `now`, and after how many milliseconds it has its next one.
    #[inline]
    pub(crate) fn step(&mut self, seat: u32, now: Time, rng: &mut Rng, ledger: &mut TruthLedger) -> (EventBody, u64) {
        match self {
            ModelWorld::Video(world) => {
                let (report, wait_ms) = world.step(seat, now, rng, ledger);
                (EventBody::Video(report), wait_ms)
            }
            ModelWorld::Payments(world) => {
                let (payment, wait_ms) = world.step(seat, now, rng, ledger);
                (EventBody::Payment(payment), wait_ms)
            }
            ModelWorld::Devices(world) => {
                let (report, wait_ms) = world.step(seat, now, rng, ledger);
                (EventBody::Device(report), wait_ms)
            }
        }
    }

    /// What a late line says: it would change the answers if it were counted.
    pub(crate) fn stray(&self, seat: u32, rng: &mut Rng) -> EventBody {
        match self {
            ModelWorld::Video(world) => EventBody::Video(world.stray(seat, rng)),
            ModelWorld::Payments(world) => EventBody::Payment(world.stray(seat, rng)),
            ModelWorld::Devices(world) => EventBody::Device(world.stray(seat, rng)),
        }
    }

    /// Reads all open sessions at the horizon.
    pub(crate) fn finish(&mut self, horizon: Time, ledger: &mut TruthLedger) {
        match self {
            ModelWorld::Video(world) => world.finish(horizon, ledger),
            ModelWorld::Payments(world) => world.finish(horizon, ledger),
            ModelWorld::Devices(world) => world.finish(horizon, ledger),
        }
    }
}
