//! Results on their way out: alerts, final rows, changes of totals, late events and dead letters, published as they are
//! committed.
//!
//! What is to be published is put into the *outbox*, files that a checkpoint names like those of its state. Only when
//! the checkpoint is committed are they published, and only when the destination has all of a file is it left out of the
//! next checkpoint. So the marker of what was published and the state that it follows from are one thing: nothing is
//! published that may be taken back, nothing that was committed is left out, and what a crash repeats is what no checkpoint
//! had yet left out, with the ids that it had before.
//!
//! Rejected: publishing before the commit (it may be of another future), reading the destination's tail back (it has the
//! messages of others between ours, and may have forgotten them), and publishing straight from the tables of history (their
//! files are put together in another order, and say nothing of alerts that are on).
//!
//! **Invariant:** a message's id follows from what it tells and from where in the log that stands, never from when, by
//! whom or how often it was published.
//!
//! **Invariant:** only what is final is told: no event that may still come changes it. A total is told for a place of the
//! log, and of what lies before that place nothing changes any more; a later one replaces it and takes nothing back.
//!
//! | module | is |
//! |---|---|
//! | `message`, `cells`, `meaning` | a row as a message: id, key, time, payload |
//! | [`changes`] | what is told of totals: each that is another one than was told last |
//! | [`alert_changes`] | what is told of alerts: that they began, and that they ended, once each |
//! | [`outbox`] | files of messages, and which of them a checkpoint names |
//! | [`publisher`] | the thread that publishes them, as often as it takes |

pub mod alert_changes;
mod cells;
pub(crate) mod changes;
mod meaning;
mod message;
pub(crate) mod outbox;
pub(crate) mod publisher;
#[cfg(feature = "pulsar")]
mod topics;

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

pub(crate) use meaning::{of_outputs, of_sessions};
pub use message::OutputMessage;
#[cfg(feature = "pulsar")]
pub use topics::Topic;

use crate::checkpoint;
use arrow::error::ArrowError;
use event_feeder::Error as FeederError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputKind {
    /// That an alert began, and that it ended.
    Alerts,
    /// The final rows of sessions that are over.
    Finals,
    /// Rows of aggregated metrics that changed.
    Totals,
    /// Events that came too late.
    LateEvents,
    /// Records and values that could not be used.
    DeadLetters,
}

impl OutputKind {
    /// Every output.
    pub const ALL: [OutputKind; 5] =
        [OutputKind::Alerts, OutputKind::Finals, OutputKind::Totals, OutputKind::LateEvents, OutputKind::DeadLetters];

    /// The table that has the same rows.
    pub fn name(self) -> &'static str {
        match self {
            OutputKind::Alerts => "alerts",
            OutputKind::Finals => "finals",
            OutputKind::Totals => "totals",
            OutputKind::LateEvents => "late_events",
            OutputKind::DeadLetters => "dead_letters",
        }
    }
}

impl fmt::Display for OutputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose messages they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What they tell.
    pub output: OutputKind,
    /// The source.
    pub source: String,
    /// The partition of the source.
    pub partition: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}/{}", self.output, self.source, self.partition)
    }
}

/// Where an output goes.
pub trait Destination: fmt::Debug + Send + Sync {
    /// Makes it ready for messages of one origin; fails if it cannot be reached now, or refuses.
    fn open(&self, origin: &Origin) -> Result<Box<dyn Sink>, FeederError>;
}

/// A destination that is open.
pub trait Sink: Send {
    /// Publishes messages in their order. `Ok` says that all of them are there for good. After an error any of them may be
    /// there; the outlet is not used again, and all are published anew by another one.
    fn publish(&mut self, messages: &[OutputMessage]) -> Result<(), FeederError>;
}

/// The destinations of a processor.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    all: Vec<(OutputKind, Arc<dyn Destination>)>,
    pub(crate) totals_every: Duration,
}

impl Outputs {
    /// Lets an output go to a destination as well; one output has one destination.
    #[must_use]
    pub fn with(mut self, output: OutputKind, destination: Arc<dyn Destination>) -> Self {
        self.all.retain(|(own, _)| *own != output);
        self.all.push((output, destination));
        self
    }

    /// Lets changes of totals be told no more often than that; else as often as there are checkpoints.
    #[must_use]
    pub fn totals_every(mut self, least: Duration) -> Self {
        self.totals_every = least;
        self
    }

    /// Each output that is published, with its destination.
    pub fn iter(&self) -> impl Iterator<Item = (OutputKind, &Arc<dyn Destination>)> {
        self.all.iter().map(|(output, destination)| (*output, destination))
    }
}

/// How far an output of a partition is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Published {
    /// Messages that its destination has, since this owner began.
    pub published: u64,
    /// Messages of committed checkpoints that it has not.
    pub waiting: u64,
}

/// Why an outbox cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The checkpoint store.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// Arrow.
    #[error("outbox: {0}")]
    Arrow(#[from] ArrowError),
    /// A file is none of an outbox.
    #[error("{file}: {reason}")]
    Malformed {
        /// Its name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
}
