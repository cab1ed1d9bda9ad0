//! Answers of other processors: a question goes to every live member, and what comes back is as good as one's own.
//!
//! A member answers for the partitions that it owns, and only in the version of the programs that it is asked in: so all
//! parts of one answer have one meaning. What it says of committed results are names; they are read from the shared state.

mod ask;
mod wire;

#[cfg(test)]
mod tests;

pub use ask::{Peers, Refused};
pub use wire::{Question, WireError, decode, encode};
