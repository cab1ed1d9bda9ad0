//! Checkpoints under everything that can happen to them.
//!
//! `model` explores the pure protocol, `crash` stops the real code at every system call of a simulated disk, `race`
//! interleaves two real writers, `damage` flips, cuts and swaps what is stored; `basic` is the calm weather, and `bucket` is a real bucket.

mod basic;
#[cfg(feature = "s3")]
mod bucket;
mod crash;
mod damage;
mod memory;
mod model;
mod programs;
mod race;
mod sim;
mod workload;
