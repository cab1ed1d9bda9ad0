//! What lanes come to that do work piece by piece.
//!
//! **Invariant:** lanes are at it for as long as somebody holds this; they leave it when it is dropped.

use super::LaneLost;
use event_feeder::world::Instant;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

/// What the lanes come to that were given work; they leave it when it is dropped.
#[derive(Debug)]
pub struct Coming<T> {
    parts: Vec<Receiver<T>>,
    /// What the first of them have come to.
    done: Vec<T>,
    _wanted: Arc<()>,
}

impl<T> Coming<T> {
    /// What comes of each lane, in their order; `wanted` is what lanes look at to know whether it still is.
    pub(super) fn of(parts: Vec<Receiver<T>>, wanted: Arc<()>) -> Self {
        Coming { parts, done: vec![], _wanted: wanted }
    }

    /// Waits until then, or for as long as it takes; whether all have done it.
    pub fn wait(&mut self, until: Option<Instant>) -> Result<bool, LaneLost> {
        while let Some(part) = self.parts.get(self.done.len()) {
            let next = match until {
                None => part.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => part.recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(done) => self.done.push(done),
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) => return Err(LaneLost),
            }
        }
        Ok(true)
    }

    /// Takes what those have come to that have done it.
    pub fn take_done(&mut self) -> Vec<T> {
        std::mem::take(&mut self.done)
    }

    /// What those have come to that have done it, in the order of the lanes.
    pub fn done(self) -> Vec<T> {
        self.done
    }
}
