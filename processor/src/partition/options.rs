//! How a partition is told to work, and what it counts.
//!
//! **Invariant:** counts are part of a checkpoint, so nothing that is read again after it counts twice.

use super::DeploymentStart;
use crate::checkpoint::{Store, TakeFrom};
use crate::history::History;
use crate::input::{Log, LogPartition};
use crate::labels::Labels;
use crate::outputs::Outputs;
use crate::start_markers::StartMarkers;
use std::sync::Arc;
use std::time::Duration;
use timeline_core::Time;

/// How a partition works.
#[derive(Clone)]
pub struct Options {
    /// The log that it is a partition of.
    pub log: Arc<dyn Log>,
    /// Which one.
    pub part: LogPartition,
    /// Where its checkpoints are.
    pub store: Arc<dyn Store>,
    /// How that place is called within the job's state.
    pub folder: String,
    /// Where the checkpoints of the first of its siblings are, if that is another one.
    pub elder: Option<Arc<dyn Store>>,
    /// From where it is read, if it has no state yet.
    pub begins: DeploymentStart,
    /// Which of the plan's outputs are seen, and as what.
    pub(crate) labels: Labels,
    /// Where another reading of the same partition has its state, whose kept events it begins with.
    pub earlier: Option<Arc<dyn Store>>,
    /// Where it is noted that the place of its checkpoints is begun.
    pub(crate) begun: StartMarkers,
    /// Whom it may be taken over from.
    pub take: TakeFrom,
    /// Threads, and lanes; at least one is used.
    pub threads: usize,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// A name that no other run of any process ever has.
    pub writer: String,
    /// For how long events of a live log are kept, in nanoseconds of its own time.
    pub keep: Time,
    /// How long rows of history are kept, by the time of events; for ever where nothing is said.
    pub keep_results: Option<Time>,
    /// Where history is kept in tables that others read too.
    pub history: Option<Arc<History>>,
    /// Whether the loop ends, with a last checkpoint, when its log has been read to its end.
    pub exit_at_end: bool,
    /// Where results are published.
    pub outputs: Outputs,
    /// Files beside the state that are given up if they are broken, by their names.
    pub accept_damage: Vec<String>,
    /// Files of history that are broken or were given up: the log is read again from its start to make them anew.
    pub remake: Vec<String>,
}

/// Counts since the beginning of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Records read, unusable ones included.
    pub records: u64,
    /// Usable events.
    pub events: u64,
    /// Events that came too late.
    pub late: u64,
    /// Records and values that could not be used.
    pub dead: u64,
    /// Sessions that ended.
    pub closed: u64,
    /// Events that were dropped because they had come before.
    #[serde(default)]
    pub duplicates: u64,
    /// Values that were forgotten beyond a cap, in sessions that ended.
    #[serde(default)]
    pub forgotten: u64,
    /// Of the sessions that ended, those that may have begun before anything was seen of them.
    #[serde(default)]
    pub partial: u64,
    /// Usable events whose message has another key, or none: where a log has several partitions, their sessions may be in
    /// more than one.
    #[serde(default)]
    pub misrouted: u64,
    /// Of the events that came too late, those that count all the same.
    #[serde(default)]
    pub repaired: u64,
}
