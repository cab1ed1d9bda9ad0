//! Timelines, their operators, the plan that a program compiles to, and its evaluation.
//!
//! The crate has no I/O, no async, no clock and no randomness, and never iterates in hash order:
//! the same events give the same bytes, on every machine and at every replay.
//!
//! # Glossary
//!
//! * **event**: something that happened at an instant, with values for some of the source's columns.
//! * **session**: all events of one key between its first event and its end.
//! * **timeline**: what is true of a session over time: an event sequence, a state or a number.
//! * **span**: a half-open interval `[start, end)` over which a timeline has one value or one linear piece.
//! * **instant**: all that happens to a session at one time: its events, then its timers, then one evaluation.
//! * **pass**: the evaluation of one instant, worker by worker; its events are the **pass events**.
//! * **instruction**: what a pass does for one worker, with all places in the row resolved; an **effect** is what a payload
//!   of an event does to the words of a leaf before it.
//! * **timer**: when a session next changes without an event; where its instant stands is a **deadline**.
//! * **watermark**: the time of a partition behind which events are late.
//! * **position**: a place in the log of one partition; totally ordered there.
//! * **lane**: the sessions of a share of a partition's keys, with one thread.
//! * **epoch**: the number of a checkpoint of a partition.
//! * **worker**: a node of the plan: a *leaf* worker reads events, a *derived* worker reads other workers' timelines.
//!
//! Time is a signed 64-bit count of nanoseconds since the Unix epoch; see [`Time`].

mod calendar;
mod decimal;
pub mod incremental;
mod near;
pub mod number;
mod operators;
pub mod plan;
pub mod record;
pub mod reference;
pub mod value;

pub use calendar::instant_text;
pub use calendar::whole_instant_text;
pub use calendar::zone_digest;
pub use near::nearest;
pub use number::Linear;
pub use plan::{NodeId, Plan};
pub use record::{Field, Record};
pub use value::{Type, Value};

/// An instant, or a length of time, in nanoseconds; instants count from the Unix epoch.
pub type Time = i64;

/// Nanoseconds in a second.
pub const SECOND: Time = 1_000_000_000;
