//! What a partition is asked and answers, and how others talk to it.

use super::{Counts, Looks};
use crate::checkpoint::{FileRef, Reader};
use crate::damage::Damage;
use crate::labels::Labels;
use crate::lane::Session;
use crate::outputs::Published;
use crate::reach::Reach;
use crate::results::Pending;
use crate::totals::Totals;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ask {
    /// Only how far it is.
    Status,
    /// The aggregated metrics.
    Totals,
    /// All sessions.
    Sessions,
    /// All sessions, and that all events before the position can be read again.
    Spans,
    /// The sessions of one key, and that all events before the position can be read again.
    Key(String),
}

/// What is answered, for one position.
#[derive(Clone)]
pub struct Answer {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The number of the partition.
    pub partition: u32,
    /// Where its checkpoints and results are within the job's state.
    pub folder: String,
    /// The writer that owns it; `None` for one that nobody does, as of its last checkpoint.
    pub owner: Option<String>,
    /// How far the log of each source has been read.
    pub reach: Vec<Reach>,
    /// From where, if not from its start; none otherwise.
    pub begun: Vec<Reach>,
    /// Nothing before it comes any more but what is late; `None` as long as some source has no event.
    pub watermark: Option<Time>,
    /// The instant that sessions were read at; `None` without any event.
    pub horizon: Option<Time>,
    /// The last committed checkpoint.
    pub epoch: u64,
    /// Counts.
    pub counts: Counts,
    /// How far each output is, by its name.
    pub outputs: BTreeMap<String, Published>,
    /// What there is to say of the records that were read.
    pub looks: Looks,
    /// Bytes of memory of the lanes, and sessions alive.
    pub bytes: u64,
    /// Bytes of records that were received and not yet read.
    pub queued_bytes: u64,
    /// Bytes of messages that wait in memory for the checkpoint that keeps them.
    pub kept_bytes: u64,
    /// Sessions that are alive.
    pub live: u64,
    /// Sessions, alive or over, that may have begun before anything was seen of them.
    pub partial: u64,
    /// What has been told and is not yet in `files`' history, with what turned out over on the way to the horizon.
    pub pending: Pending,
    /// Sessions alive at the horizon; empty unless asked for.
    pub sessions: Vec<Session>,
    /// Aggregated metrics; empty unless asked for.
    pub totals: Totals,
    /// Committed history, and kept events.
    pub results: Vec<FileRef>,
    /// What of them is missing or broken, and what was given up.
    pub damage: Damage,
    /// Reads them.
    pub reader: Reader,
}

/// Where an answer goes.
pub(super) type Reply = Sender<Result<Answer, NoAnswer>>;

pub(super) enum Request {
    Ask { ask: Ask, sync: bool, reply: Reply },
    Stop { release: bool },
    Become(Labels),
}

/// How others talk to a partition.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: Sender<Request>,
    why: Why,
}

/// Why a partition stopped, once it has failed.
pub(super) type Why = Arc<OnceLock<String>>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The source has something that is not read, so that no answer is true for all that it holds.
    #[error("{0}; without --sync it is answered for what was read")]
    LeftOut(String),
    /// It took longer than the caller wanted to wait.
    #[error("the records that the source held were not all read in time")]
    Timeout,
    /// The partition stopped, for this reason if it was no order.
    #[error("the partition has stopped{}", .0.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Stopped(Option<String>),
}

/// How long an answer that waits for nothing may take.
pub const ANSWER_TIME: Duration = Duration::from_secs(60);

impl Handle {
    /// A handle, and what it sends.
    pub(super) fn new() -> (Self, Receiver<Request>) {
        let (requests, received) = channel();
        (Handle { requests, why: Why::default() }, received)
    }

    /// Asks and waits. With `sync`, the answer is true for all complete records that the source holds now.
    pub fn ask(&self, ask: Ask, sync: Option<Duration>) -> Result<Answer, NoAnswer> {
        self.begin(ask, sync.is_some())?.wait(sync.unwrap_or(ANSWER_TIME))
    }

    /// Asks without waiting, so that several partitions can be asked at once.
    pub fn begin(&self, ask: Ask, sync: bool) -> Result<Asked, NoAnswer> {
        let (reply, answer) = channel();
        self.requests.send(Request::Ask { ask, sync, reply }).map_err(|_| self.stopped())?;
        Ok(Asked { answer, why: Arc::clone(&self.why) })
    }

    /// Notes, before anybody can hear that the partition has stopped, why it did.
    pub(super) fn failed(&self, error: &super::Error) {
        let code = if let super::Error::Source(error) = error { format!("[{}] ", error.code()) } else { String::new() };
        // It fails once.
        let _ = self.why.set(format!("{code}{error}"));
    }

    fn stopped(&self) -> NoAnswer {
        NoAnswer::Stopped(self.why.get().cloned())
    }

    /// Lets the partition show its outputs so from now on; what it has told until now is written as it was.
    pub(crate) fn relabel(&self, labels: Labels) {
        // One that has ended shows nothing.
        let _ = self.requests.send(Request::Become(labels));
    }

    /// Asks the partition to end with a last checkpoint, and to give it up to whoever comes if `release`.
    pub fn stop(&self, release: bool) {
        // One that has ended already needs no asking.
        let _ = self.requests.send(Request::Stop { release });
    }
}

/// A question that is on its way.
#[derive(Debug)]
pub struct Asked {
    answer: Receiver<Result<Answer, NoAnswer>>,
    why: Why,
}

impl Asked {
    /// Waits for the answer.
    pub fn wait(self, limit: Duration) -> Result<Answer, NoAnswer> {
        self.answer.recv_timeout(limit).unwrap_or_else(|error| match error {
            std::sync::mpsc::RecvTimeoutError::Timeout => Err(NoAnswer::Timeout),
            std::sync::mpsc::RecvTimeoutError::Disconnected => Err(NoAnswer::Stopped(self.why.get().cloned())),
        })
    }
}
