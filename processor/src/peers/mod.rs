//! Answers of other processors: a question goes to every live member, and what comes back is as good as one's own.
//!
//! A member answers for the partitions that it owns. A plan never changes under its name, so all parts of one answer have
//! one meaning, whatever either of them deploys just then. What it says of committed results are names; they are read from the shared state.

mod ask;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use ask::Peers;
pub(crate) use wire::{PeerQuestion, encode};
