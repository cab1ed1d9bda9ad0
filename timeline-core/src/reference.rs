//! The reference evaluator: what a plan means, straight from the definitions of the language.
//!
//! It is the judge of the incremental evaluator, so it is written to be read, not to be fast:
//! every timeline is a whole function over dense time, from the session's origin on and without end,
//! "as if nothing more ever happened" ([`whole`]); what people are shown is read off these functions afterwards
//! (`readings`, `totals`). This is sound because every operator is causal: the value at `t` depends only on events at or before `t`.
//!
//! The order of the questions is that of the language: which events count ([`accept`]), which session each belongs to
//! ([`sessions`]), what is true over time ([`timelines`]), and what is shown of it ([`finals`], [`spans`], [`alerts`], [`totals`]).
//!
//! **Invariant:** nothing here reads, calls or shares state with the incremental evaluator; only values, the arithmetic of
//! [`Linear`](crate::Linear), records and the plan are common ground.

mod accrue;
mod concurrency;
mod events;
mod fold;
mod log;
mod logic;
mod number;
mod piecewise;
mod ratio;
mod readings;
mod session;
mod split;
mod state;
mod totals;
mod whole;
mod windows;

pub(crate) mod parts;

pub use events::{EventRank, Occurrence};
pub use log::{LedgerEvent, LedgerReason, LogEvent, ReferenceRun, accept, run};
pub use number::PointNumber;
pub use piecewise::{PieceSpan, PieceValue, Piecewise, ShownExtent};
pub use readings::{
    AlertStretch, FinalValue, MetricSpan, MetricValue, SpanValue, Timeline, alerts, finals, spans, timelines,
};
pub use session::{Close, CloseReason, Session, sessions};
pub use split::{ShareTimeline, SplitKey};
pub use totals::{ReferenceTotal, totals};
pub use whole::{NodeTimeline, matches, occurrences, whole};
