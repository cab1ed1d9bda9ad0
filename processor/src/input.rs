//! What a source of a program is bound to: a log of one or several partitions, opened by number.
//!
//! The engine knows its input by this trait only, so a partition can be opened and closed at any time, at any position,
//! and tests bring logs of their own.

mod files;
mod joined;
#[cfg(test)]
pub(crate) mod memory;

#[cfg(feature = "pulsar")]
mod topics;

pub use files::FilesLog;
pub use joined::Joined;
#[cfg(feature = "pulsar")]
pub use topics::Topics;

use event_feeder::file::{self, FileTable};
use event_feeder::{Error, Position, Sniffed, Source};
use std::sync::Arc;
use timeline_core::plan::Plan;

/// One partition of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPartition {
    /// Its number; partitions of a log are numbered from 0 and keep their numbers.
    pub number: u32,
    /// Where its state is, within the source's; empty for a log that only ever has one partition.
    pub folder: String,
    /// What people call it.
    pub name: String,
}

/// Where reading begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartPosition {
    /// Everything before it has been read.
    pub position: Position,
    /// The files that made up the log by then; none for a stream.
    pub files: FileTable,
}

/// A log of partitions.
///
/// # Contract
///
/// 1. `partitions` may grow from call to call; a partition that was there stays, with its number and its folder.
/// 2. `open` reads exactly the records behind the position, in the order of the partition's log; `None` is its start.
/// 3. Opening a partition twice at a time is the caller's mistake, and what comes of it is the log's business.
pub trait Log: Send + Sync {
    /// The partitions that there are now, by number.
    fn partitions(&self) -> Result<Vec<LogPartition>, Error>;

    /// Opens one of them for what a plan reads of its source with that number.
    fn open(
        &self,
        part: &LogPartition,
        plan: &Plan,
        source: usize,
        from: Option<&StartPosition>,
    ) -> Result<Box<dyn Source>, Error>;

    /// Whether a live log still has what comes behind a place, as far as that can be learnt without changing anything. What
    /// cannot be learnt now is no error.
    fn check(&self, part: &LogPartition, source: usize, from: &StartPosition) -> Result<(), Error> {
        let _ = (part, source, from);
        Ok(())
    }

    /// The partitions among which the keys of one are shared out, itself included, as they were last seen; never waits.
    /// `None` where they are always the same ones, or nobody has looked.
    fn siblings(&self, part: &LogPartition) -> Option<Vec<LogPartition>> {
        let _ = part;
        None
    }

    /// Lets go for good of what was kept for a plan that is deployed no more, and whose reading has ended.
    fn forget(&self, part: &LogPartition, plan: &Plan) -> Result<(), Error> {
        let _ = (part, plan);
        Ok(())
    }

    /// What of it is not there now, though it could be waited for; in words, with what may have been meant.
    fn missing(&self) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// What blocks of a partition, of what a plan reads of its source with that number, call the place that they are from.
    fn origin(&self, part: &LogPartition, source: usize) -> String {
        let _ = source;
        part.name.clone()
    }

    /// What some of the records look like that a plan reads of its source with that number, where they can be looked at without
    /// reading them.
    fn sample(&self, plan: &Plan, source: usize) -> Option<Sniffed> {
        let _ = (plan, source);
        None
    }

    /// Takes note of events whose message has another key than theirs, and says so once where that may spread a session over
    /// partitions.
    fn misrouted(&self, part: &LogPartition) {
        let _ = part;
    }

    /// Whether records come as they happen, from elsewhere, and may be gone again: silence says something there, and
    /// what is to be looked into later must be kept.
    fn is_live(&self) -> bool;
}

/// What the user binds a source to.
#[derive(Clone)]
pub enum SourceBinding {
    /// Files, by a name or pattern; several of them are one log.
    Files(String),
    /// A log of its own.
    Log(Arc<dyn Log>),
}

impl std::fmt::Debug for SourceBinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SourceBinding::Files(pattern) => write!(f, "file:{pattern}"),
            SourceBinding::Log(log) => write!(f, "{:?}", log.partitions().map(|parts| parts.len())),
        }
    }
}

impl SourceBinding {
    /// What of it is not there now, in words, with what may have been meant.
    pub fn missing(&self) -> Result<Option<String>, Error> {
        match self {
            SourceBinding::Files(pattern) => {
                let none = file::expand(std::slice::from_ref(pattern))?.is_empty();
                Ok(none.then(|| {
                    let missing = file::no_match(pattern);
                    format!("[{}] {missing}", missing.code())
                }))
            }
            SourceBinding::Log(log) => log.missing(),
        }
    }
}

/// The one log that the inputs of a source make.
pub fn log_of(inputs: &[SourceBinding]) -> Result<Arc<dyn Log>, &'static str> {
    let mut patterns = vec![];
    let mut logs = vec![];
    for input in inputs {
        match input {
            SourceBinding::Files(pattern) => patterns.push(pattern.clone()),
            SourceBinding::Log(log) => logs.push(Arc::clone(log)),
        }
    }
    match (patterns.is_empty(), logs.pop()) {
        (true, None) => Err("has no input"),
        (false, None) => Ok(Arc::new(FilesLog::new(patterns))),
        (true, Some(log)) if logs.is_empty() => Ok(log),
        _ => Err("has inputs that are not one log: bind it to files, or to one list of topics"),
    }
}
