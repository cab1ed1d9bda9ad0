//! Seeded workloads, their sinks, and the answers they know by construction.
//!
//! A [`Generator`] writes an endless variety of plausible logs, the same bytes for the same [`Workload`], and keeps beside
//! them the exact answers of the program that its [`Model`] ships ([`Model::program`]).
//! The answers come from a state machine per session in integer arithmetic, written from the meaning of the language and
//! sharing no code with its evaluators; so a whole run of the product can be checked from outside.
//!
//! **Invariant:** a line that is not counted as late is at most the workload's jitter behind the largest time before it
//! in the log; a late one is behind it by more than the lateness.
//!
//! ```
//! use event_producer::{Generator, Model, Workload};
//!
//! let mut generator = Generator::new(&Workload { events: 1_000, ..Workload::new(Model::Video) })?;
//! let mut log = Vec::new();
//! while generator.fill(&mut log, 100) > 0 {}
//! let truth = generator.into_truth().expect("all lines have been written");
//! assert_eq!(truth.totals.lines, 1_000);
//! # Ok::<(), event_producer::workload::Error>(())
//! ```

#![allow(
    clippy::disallowed_methods,
    reason = "how fast events are made is a matter of the clock; which ones are, is not"
)]

pub mod devices;
pub mod generator;
pub mod model;
pub mod payments;
pub mod produce;
pub mod truth;
pub mod video;
pub mod workload;

mod reorder;
mod rng;
mod text;
mod world;

#[cfg(test)]
mod tests;

pub use generator::Generator;
pub use model::{Model, ModelEvent};
pub use produce::{Options, Summary, run, run_telling};
pub use truth::{TrueRow, TrueTotals, Truth};
pub use workload::Workload;

/// Nanoseconds in a millisecond, the unit of the event times in the logs.
const MILLISECOND: timeline_core::Time = 1_000_000;
