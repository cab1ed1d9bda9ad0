//! The seats of a model, behind one door.

use timeline_core::Time;

use crate::model::{Body, Model};
use crate::rng::Rng;
use crate::truth::Ledger;
use crate::{devices, payments, video};

/// All live sessions of a model.
#[derive(Debug)]
pub(crate) enum World {
    Video(video::Viewers),
    Payments(payments::Cards),
    Devices(devices::Devices),
}

impl World {
    pub(crate) fn new(model: Model, seats: u32, rng: &mut Rng) -> Self {
        match model {
            Model::Video => World::Video(video::Viewers::new(seats)),
            Model::Payments => World::Payments(payments::Cards::new(seats, rng)),
            Model::Devices => World::Devices(devices::Devices::new(seats, rng)),
        }
    }

    /// How long after the start of the log the seat's first event is, in milliseconds.
    pub(crate) fn first_ms(&self, rng: &mut Rng) -> u64 {
        rng.below(match self {
            World::Video(_) => video::SPREAD_MS,
            World::Payments(_) => payments::SPREAD_MS,
            World::Devices(_) => devices::SPREAD_MS,
        })
    }

    /// The seat's event at `now`, and after how many milliseconds it has its next one.
    #[inline]
    pub(crate) fn step(&mut self, seat: u32, now: Time, rng: &mut Rng, ledger: &mut Ledger) -> (Body, u64) {
        match self {
            World::Video(world) => {
                let (report, wait_ms) = world.step(seat, now, rng, ledger);
                (Body::Video(report), wait_ms)
            }
            World::Payments(world) => {
                let (payment, wait_ms) = world.step(seat, now, rng, ledger);
                (Body::Payment(payment), wait_ms)
            }
            World::Devices(world) => {
                let (report, wait_ms) = world.step(seat, now, rng, ledger);
                (Body::Device(report), wait_ms)
            }
        }
    }

    /// What a late line says: it would change the answers if it were counted.
    pub(crate) fn stray(&self, seat: u32, rng: &mut Rng) -> Body {
        match self {
            World::Video(world) => Body::Video(world.stray(seat, rng)),
            World::Payments(world) => Body::Payment(world.stray(seat, rng)),
            World::Devices(world) => Body::Device(world.stray(seat, rng)),
        }
    }

    /// Reads all open sessions at the horizon.
    pub(crate) fn finish(&mut self, horizon: Time, ledger: &mut Ledger) {
        match self {
            World::Video(world) => world.finish(horizon, ledger),
            World::Payments(world) => world.finish(horizon, ledger),
            World::Devices(world) => world.finish(horizon, ledger),
        }
    }
}
