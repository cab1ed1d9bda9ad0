//! What a partition is asked and answers, and how others talk to it.

use super::{Counts, RecordFindings};
use crate::checkpoint::{CheckpointReader, FileKind, FileRef, SilentStore, Store};
use crate::damage::Damage;
use crate::labels::Labels;
use crate::log_position::LogPosition;
use crate::outputs::Published;
use crate::records::SessionSnapshot;
use crate::results::{Pending, RetentionCounts};
use crate::totals::MetricTotals;
use crate::wanted::IsWanted;
use event_feeder::world::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock, Weak};
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
    /// The sessions of some keys, and of what was told and is not committed what is theirs.
    Keys(BTreeSet<String>),
    /// All sessions.
    Sessions,
    /// All sessions, and that all events before the position can be read again.
    Spans,
    /// The sessions of one key, and that all events before the position can be read again.
    Key(String),
}

impl Ask {
    /// What answers both.
    #[must_use]
    pub fn and(self, other: Ask) -> Ask {
        use Ask::{Key, Keys, Sessions, Spans, Status, Totals};
        match (self, other) {
            (Status, ask) | (ask, Status) => ask,
            (Totals, Totals) => Totals,
            (Keys(a), Keys(b)) => Keys(a.union(&b).cloned().collect()),
            (Key(a), Key(b)) if a == b => Key(a),
            (Key(a), Keys(b)) | (Keys(b), Key(a)) if b.iter().all(|key| *key == a) => Key(a),
            (Spans | Key(_), _) | (_, Spans | Key(_)) => Spans,
            (Sessions | Totals | Keys(_), Sessions | Totals | Keys(_)) => Sessions,
        }
    }

    /// Whether all sessions are read for it, and nothing else that more events would change.
    pub(super) fn scans(&self) -> bool {
        match self {
            Ask::Totals | Ask::Sessions => true,
            Ask::Status | Ask::Keys(_) | Ask::Key(_) | Ask::Spans => false,
        }
    }

    /// The keys whose sessions are wanted, where it is not all.
    pub(crate) fn keys(&self) -> Option<BTreeSet<String>> {
        match self {
            Ask::Key(key) => Some([key.clone()].into()),
            Ask::Keys(keys) => Some(keys.clone()),
            Ask::Status | Ask::Totals | Ask::Sessions | Ask::Spans => None,
        }
    }
}

/// What is asked of each plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asks {
    /// Of those that are not named.
    pub rest: Ask,
    /// Of some, by their names.
    pub of: BTreeMap<String, Ask>,
}

impl Asks {
    /// What a plan is asked.
    pub fn of(&self, plan: &str) -> &Ask {
        self.of.get(plan).unwrap_or(&self.rest)
    }
}

impl From<Ask> for Asks {
    fn from(rest: Ask) -> Asks {
        Asks { rest, of: BTreeMap::new() }
    }
}

/// What is answered, for one position.
#[derive(Clone)]
pub struct PartitionAnswer {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The number of the partition.
    pub partition: u32,
    /// Where its checkpoints and results are within the job's state.
    pub folder: String,
    /// The writer that owns it; `None` for one that nobody does, as of its last checkpoint.
    pub owner: Option<String>,
    /// How far the log of each source has been read.
    pub reach: Vec<LogPosition>,
    /// From where, if not from its start; none otherwise.
    pub begun: Vec<LogPosition>,
    /// Nothing before it comes any more but what is late; `None` as long as some source has no event.
    pub watermark: Option<Time>,
    /// The instant that sessions were read at; `None` without any event.
    pub horizon: Option<Time>,
    /// What is before it changes no more.
    pub certain: Time,
    /// The last committed checkpoint.
    pub epoch: u64,
    /// Counts.
    pub counts: Counts,
    /// How far each output is, by its name.
    pub outputs: BTreeMap<String, Published>,
    /// What there is to say of the records that were read.
    pub looks: RecordFindings,
    /// Bytes of memory of the lanes; what sessions keep beside their rows as it was when only the status was last asked for.
    pub bytes: u64,
    /// Bytes of records that were received and not yet read.
    pub queued_bytes: u64,
    /// Bytes of messages that wait in memory for the checkpoint that keeps them.
    pub keeping_bytes: u64,
    /// Sessions that are alive.
    pub live: u64,
    /// Sessions, alive or over, that may have begun before anything was seen of them.
    pub partial: u64,
    /// Rows of history whose time was over.
    pub dropped: RetentionCounts,
    /// What has been told and is not yet in `files`' history, with what turned out over on the way to the horizon.
    pub pending: Pending,
    /// Sessions that questions have read since it was opened.
    pub read_sessions: u64,
    /// Whether its logs were known to hold no more than was read when they were last asked.
    pub drained: bool,
    /// When the first message of the block that was read last was published, as far as the log says it.
    pub received: Option<Time>,
    /// How long its lanes were busy with events since it was opened, added up, in nanoseconds.
    pub busy_ns: u64,
    /// Sessions alive at the horizon; empty unless asked for.
    pub sessions: Vec<SessionSnapshot>,
    /// Aggregated metrics; empty unless asked for.
    pub totals: MetricTotals,
    /// Committed history, and kept events.
    pub results: Vec<FileRef>,
    /// What of them is missing or broken, and what was given up.
    pub damage: Damage,
    /// Reads them.
    pub reader: CheckpointReader,
}

impl PartitionAnswer {
    /// Bytes of the files of events that are kept to be read again, as of the last checkpoint.
    pub fn kept_bytes(&self) -> u64 {
        self.results.iter().filter(|file| file.kind == FileKind::Kept).map(|file| file.length).sum()
    }

    /// How far the partition was, without sessions, rows and totals.
    pub(crate) fn standing(&self) -> PartitionAnswer {
        let kept = self.results.iter().filter(|file| file.kind == FileKind::Kept);
        PartitionAnswer {
            plan: Arc::clone(&self.plan),
            partition: self.partition,
            folder: self.folder.clone(),
            owner: self.owner.clone(),
            reach: self.reach.clone(),
            begun: self.begun.clone(),
            watermark: self.watermark,
            horizon: self.horizon,
            certain: self.certain,
            epoch: self.epoch,
            counts: self.counts,
            outputs: self.outputs.clone(),
            looks: self.looks.clone(),
            bytes: self.bytes,
            queued_bytes: self.queued_bytes,
            keeping_bytes: self.keeping_bytes,
            live: self.live,
            partial: self.partial,
            dropped: self.dropped.clone(),
            pending: Pending::default(),
            read_sessions: self.read_sessions,
            drained: self.drained,
            received: self.received,
            busy_ns: self.busy_ns,
            sessions: vec![],
            totals: MetricTotals::new(&self.plan),
            results: kept.cloned().collect(),
            damage: self.damage.clone(),
            reader: self.reader.clone(),
        }
    }
}

/// Where an answer goes.
pub(super) struct AnswerSender {
    answer: Sender<Result<PartitionAnswer, NoAnswer>>,
    listener: Weak<()>,
}

impl AnswerSender {
    /// Tells whoever asked, who may have gone.
    pub(super) fn send(&self, answer: Result<PartitionAnswer, NoAnswer>) {
        let _ = self.answer.send(answer);
    }

    /// Whether somebody still waits for it.
    pub(super) fn is_wanted(&self) -> bool {
        self.listener.strong_count() > 0
    }
}

pub(super) enum PartitionRequest {
    Ask { ask: Ask, sync: bool, reply: AnswerSender },
    Stop { release: bool },
    Become(Labels),
}

/// How others talk to a partition.
#[derive(Clone, Debug)]
pub struct PartitionHandle {
    requests: Sender<PartitionRequest>,
    why: StopReason,
    store: StateStore,
}

/// The store of a partition's state, which may give no answer.
#[derive(Clone)]
struct StateStore(Arc<dyn Store>);

impl fmt::Debug for StateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateStore").field(&self.0.silence()).finish()
    }
}

/// Why a partition stopped, once it has failed.
pub(super) type StopReason = Arc<OnceLock<String>>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The source has something that is not read, so that no answer is true for all that it holds.
    #[error("{0}; without --sync it is answered for what was read")]
    LeftOut(String),
    /// Nobody waits for it any more.
    #[error("nobody waits for the answer any more")]
    Unwanted,
    /// What the sources held was not all read within the time that the caller had for that.
    #[error("the records that the source held were not all read in time")]
    Timeout,
    /// It took too long, though nothing was waited for.
    #[error("the partition is at work, and did not answer in time")]
    Busy,
    /// The store of its state gives no answer, so nobody can say whether another has it by now.
    #[error("{}", .0.refusal())]
    Silent(SilentStore),
    /// The partition stopped, for this reason if it was no order.
    #[error("the partition has stopped{}", .0.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Stopped(Option<String>),
}

/// How long an answer that waits for nothing may take.
pub const ANSWER_TIME: Duration = Duration::from_secs(60);
/// Time between two looks whether an answer is wanted still.
const LOOK: Duration = Duration::from_millis(50);

impl PartitionHandle {
    /// A handle, and what it sends.
    pub(super) fn new(store: Arc<dyn Store>) -> (Self, Receiver<PartitionRequest>) {
        let (requests, received) = channel();
        (PartitionHandle { requests, why: StopReason::default(), store: StateStore(store) }, received)
    }

    /// Asks and waits. With `sync`, the answer is true for all complete records that the source holds now.
    pub fn ask(&self, ask: Ask, sync: Option<Duration>) -> Result<PartitionAnswer, NoAnswer> {
        self.begin(ask, sync.is_some())?.wait(sync.unwrap_or(ANSWER_TIME), &|| true)
    }

    /// Asks without waiting, so that several partitions can be asked at once.
    pub fn begin(&self, ask: Ask, sync: bool) -> Result<PendingAnswer, NoAnswer> {
        // It would not be answered before the store is.
        if let Some(silent) = self.store.0.silence().filter(|_| !sync) {
            return Err(NoAnswer::Silent(silent));
        }
        let (reply, answer) = channel();
        let listens = Arc::new(());
        let reply = AnswerSender { answer: reply, listener: Arc::downgrade(&listens) };
        self.requests.send(PartitionRequest::Ask { ask, sync, reply }).map_err(|_| self.stopped())?;
        let (why, store) = (Arc::clone(&self.why), self.store.clone());
        Ok(PendingAnswer { answer, why, store, sync, _listens: listens })
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
        let _ = self.requests.send(PartitionRequest::Become(labels));
    }

    /// Asks the partition to end with a last checkpoint, and to give it up to whoever comes if `release`.
    pub fn stop(&self, release: bool) {
        // One that has ended already needs no asking.
        let _ = self.requests.send(PartitionRequest::Stop { release });
    }
}

/// A question that is on its way; the partition leaves it when it is dropped.
#[derive(Debug)]
pub struct PendingAnswer {
    answer: Receiver<Result<PartitionAnswer, NoAnswer>>,
    why: StopReason,
    store: StateStore,
    /// Whether it waits for what the sources hold.
    sync: bool,
    _listens: Arc<()>,
}

impl PendingAnswer {
    /// Waits for the answer, as long as it is wanted. Without the store there is none, so only one that waits for the sources
    /// waits for that, too.
    pub fn wait(self, limit: Duration, is_wanted: IsWanted<'_>) -> Result<PartitionAnswer, NoAnswer> {
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.answer.recv_timeout(left.min(LOOK)) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Disconnected) => return Err(NoAnswer::Stopped(self.why.get().cloned())),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let is_late = left <= LOOK;
            match self.store.0.silence() {
                Some(silent) if is_late || !self.sync => return Err(NoAnswer::Silent(silent)),
                _ if is_late && self.sync => return Err(NoAnswer::Timeout),
                _ if is_late => return Err(NoAnswer::Busy),
                _ if !is_wanted() => return Err(NoAnswer::Unwanted),
                _ => {}
            }
        }
    }
}
