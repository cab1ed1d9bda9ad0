//! How a processor works, and why it cannot start.

use super::Membership;
use crate::checkpoint::{Error as StateError, StateLocation};
use crate::engine::EngineError;
use crate::history::History;
use crate::input::SourceBinding;
use crate::outputs::Outputs;
use crate::partition::Error;
use crate::programs::LoadError;
use std::sync::Arc;
use std::time::Duration;
use timeline_core::Time;

/// How a processor works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where its state is.
    pub state: StateLocation,
    /// Inputs by the source that they belong to; `None` is for whichever source there is, if it is only one.
    pub sources: Vec<(Option<String>, SourceBinding)>,
    /// Threads, shared out over the partitions; each has at least one.
    pub threads: usize,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// For how long events of live logs are kept, in nanoseconds of their own time.
    pub keep: Time,
    /// How long rows of history are kept, by the time of events; for ever where nothing is said.
    pub keep_results: Option<Time>,
    /// Where history is kept in tables that others read too.
    pub history: Option<Arc<History>>,
    /// Whether it ends when all logs have been read.
    pub exit_at_end: bool,
    /// Where results are published.
    pub outputs: Outputs,
    /// Files beside the state that are given up if they are broken, by their names.
    pub accept_damage: Vec<String>,
    /// Files of history to be made anew, out of the log.
    pub remake: Vec<String>,
    /// A name that no other run of any process ever has.
    pub writer: String,
    /// Which partitions it works on from its start.
    pub claims: Claims,
    /// How it shares the state with other processors; it then claims and releases by itself, whatever `claims` says.
    pub membership: Option<Membership>,
}

/// Which partitions a processor claims by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claims {
    /// All that there are.
    #[default]
    All,
    /// None: somebody else says which, by [`Service::claim`] and [`Service::release`].
    Told,
}

/// Why a processor cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A program has errors, or contradicts a deployed one.
    #[error(transparent)]
    Program(#[from] EngineError),
    /// The state or the log of a partition cannot be used.
    #[error(transparent)]
    Partition(#[from] Error),
    /// A source has no input, or an input no source.
    #[error("{0}")]
    Binding(String),
    /// Another processor is at work on a source that cannot be shared.
    #[error("source {source_name}: {by} is at work on it, at {address}")]
    Taken {
        /// The source.
        source_name: String,
        /// The writer that owns it.
        by: String,
        /// Where it can be asked.
        address: String,
    },
}

impl From<LoadError> for StartError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Store(error) => error.into(),
            LoadError::Malformed { version, reason } => {
                StartError::Partition(Error::Malformed { object: format!("programs of version {version}"), reason })
            }
        }
    }
}

impl From<StateError> for StartError {
    fn from(error: StateError) -> Self {
        StartError::Partition(error.into())
    }
}
