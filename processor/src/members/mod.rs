//! Processors that share a state: who is there, who should own which partition, and what to do about it.
//!
//! Each processor keeps a small object among the [`beat`]s, under a name with a counter that it raises every second.
//! Nothing here protects anything: what fences is the swap of a partition's head ([`crate::checkpoint`]), whatever anybody
//! believes about anybody. Members only decide *when* to try, so that a live owner is asked to give up and not fenced, and
//! a dead one is followed soon.
//!
//! | module | is |
//! |---|---|
//! | [`liveness`] | from listings to who is alive, dead, or not yet known to be either; pure |
//! | [`share`] | who should own which partition; pure |
//! | [`decide`] | from facts about one partition to the next step; pure |
//! | [`beat`] | the object of a member, kept and read |
//! | [`process`] | whether a process of this machine is still there |
//!
//! **Invariant:** clocks of different machines are never compared; a member is dead when an observer that was awake has
//! watched its counter stand still for [`liveness::SILENCE`].

pub(crate) mod beat;
pub(crate) mod decide;
pub(crate) mod liveness;
pub(crate) mod process;
pub(crate) mod share;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// What a member says of itself; it never changes while its process runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Format of this object; 1.
    pub format: u64,
    /// The name of its run, which heads name as their writer.
    pub id: String,
    /// Where other members can ask it: `http://HOST:PORT`.
    pub address: String,
    /// The sources that it has an input for; it can own partitions of these.
    pub sources: Vec<String>,
    /// Its process, for members on the same machine.
    pub process: Option<process::ProcessId>,
}

/// The member that a writer of heads belongs to: a run may write under several names, told apart behind a `/`.
pub(crate) fn member_of(writer: &str) -> &str {
    writer.split('/').next().unwrap_or(writer)
}
