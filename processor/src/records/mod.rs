//! What sessions come to, as it is handed on: from the lanes to totals, tables, outputs and answers.
//!
//! **Invariant:** records are plain data. They know nothing of who makes them or who takes them, and nothing here knows
//! more than the values, positions and dead letters of the crates below.

mod alert;
mod failure;
mod late;
mod session;
mod span;

pub use alert::{AlertRow, LiveAlerts};
pub use failure::FailedOperator;
pub use late::{LateEvent, LateReason};
pub use session::SessionSnapshot;
pub use span::RecordedSpan;
