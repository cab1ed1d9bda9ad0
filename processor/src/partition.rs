//! A partition at work: reads its source, feeds the lanes, takes checkpoints, and answers.
//!
//! One thread runs the loop; [`Handle`] is how others talk to it. Everything between two blocks happens on that thread,
//! so an answer and a checkpoint are each true for one position of the log.
//!
//! A checkpoint is cut on the lanes (a copy of what changed) and written by another thread while the lanes go on.
//! **Invariant:** at most one checkpoint is being written; what a checkpoint being written will commit is still part of
//! answers until it is committed, and part of history from then on, never both.
//!
//! **Invariant:** after any error of the checkpoint store the loop ends: nothing is written or answered on a doubtful base.

mod beginning;
mod checkpointing;
mod growth;
mod keeping;
mod publishing;
mod recovery;
mod rest;
mod silence;

pub(crate) use checkpointing::plan_fingerprint;
pub use recovery::Recovery;
pub use rest::{at_rest, can_run};

use crate::checkpoint::{self, Checkpoints, FileRef, Reader, Store, TakeFrom};
use crate::feed::{Fed, Feed};
use crate::input::{Log, Part};
use crate::lane::{Lane, Late, Outcome, Session, image};
use crate::outputs::{self, Outputs, Published};
use crate::pipeline::{Pipeline, WorkerLost};
use crate::reach::Reach;
use crate::results::{self, Pending};
use crate::totals::Totals;
use crate::watermark::Unseen;
use checkpointing::{Committed, Cut};
use event_feeder::{Gap, Notice, Position, Target, key_hash};
use growth::Siblings;
use keeping::Keeping;
use publishing::Publishing;
use silence::Silence;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use timeline_core::Time;
use timeline_core::plan::Plan;

/// How a partition works.
#[derive(Clone)]
pub struct Options {
    /// The log that it is a partition of.
    pub log: Arc<dyn Log>,
    /// Which one.
    pub part: Part,
    /// Where its checkpoints are.
    pub store: Arc<dyn Store>,
    /// How that place is called within the job's state.
    pub folder: String,
    /// Where the checkpoints of the first of its siblings are, if that is another one.
    pub elder: Option<Arc<dyn Store>>,
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
    /// Whether the loop ends, with a last checkpoint, when its log has been read to its end.
    pub exit_at_end: bool,
    /// Where results are published.
    pub outputs: Outputs,
}

/// Why a partition stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log is not what it was, or cannot be read.
    #[error(transparent)]
    Source(#[from] event_feeder::Error),
    /// The state cannot be read or written, or somebody else owns it now.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// Committed history.
    #[error(transparent)]
    Results(#[from] results::Error),
    /// A segment is not one of this plan.
    #[error("{file}: {error}")]
    Image {
        /// The segment.
        file: String,
        /// What is wrong with it.
        error: image::ImageError,
    },
    /// A segment is no Arrow file, or a checkpoint's facts are not those of one.
    #[error("{object}: {reason}")]
    Malformed {
        /// What.
        object: String,
        /// Why.
        reason: String,
    },
    /// A worker panicked.
    #[error(transparent)]
    Worker(#[from] WorkerLost),
    /// It is to be read from now on, but nobody says where its log ends.
    #[error("where the log ends now could not be learnt in time, so queries cannot begin there")]
    NoEnd,
    /// Kept events cannot be read or written.
    #[error(transparent)]
    Kept(#[from] crate::kept::Error),
    /// Other queries need the log from its start, and that is gone.
    #[error(
        "the queries are others than those of the last checkpoint, and the log from its start is not kept: \
         go on with the queries that were deployed before"
    )]
    NotKept,
}

impl From<outputs::Error> for Error {
    fn from(error: outputs::Error) -> Self {
        match error {
            outputs::Error::Checkpoint(error) => Error::Checkpoint(error),
            outputs::Error::Arrow(error) => Error::Malformed { object: "an outbox".into(), reason: error.to_string() },
            outputs::Error::Malformed { file, reason } => Error::Malformed { object: file, reason },
        }
    }
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
}

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
    /// Bytes of memory of the lanes, and sessions alive.
    pub bytes: u64,
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
    /// Reads them.
    pub reader: Reader,
}

enum Request {
    Ask { ask: Ask, sync: bool, reply: Sender<Answer> },
    Stop { release: bool },
}

/// How others talk to a partition.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: Sender<Request>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It took longer than the caller wanted to wait.
    #[error("the records that the source held were not all read in time")]
    Timeout,
    /// The partition stopped.
    #[error("the partition has stopped")]
    Stopped,
}

impl Handle {
    /// Asks and waits. With `sync`, the answer is true for all complete records that the source holds now.
    pub fn ask(&self, ask: Ask, sync: Option<Duration>) -> Result<Answer, NoAnswer> {
        self.begin(ask, sync.is_some())?.wait(sync.unwrap_or(ANSWER_TIME))
    }

    /// Asks without waiting, so that several partitions can be asked at once.
    pub fn begin(&self, ask: Ask, sync: bool) -> Result<Asked, NoAnswer> {
        let (reply, answer) = channel();
        self.requests.send(Request::Ask { ask, sync, reply }).map_err(|_| NoAnswer::Stopped)?;
        Ok(Asked(answer))
    }

    /// Asks the partition to end with a last checkpoint, and to give it up to whoever comes if `release`.
    pub fn stop(&self, release: bool) {
        // One that has ended already needs no asking.
        let _ = self.requests.send(Request::Stop { release });
    }
}

/// A question that is on its way.
#[derive(Debug)]
pub struct Asked(Receiver<Answer>);

/// How long an answer that waits for nothing may take.
pub const ANSWER_TIME: Duration = Duration::from_secs(60);

impl Asked {
    /// Waits for the answer.
    pub fn wait(self, limit: Duration) -> Result<Answer, NoAnswer> {
        self.0.recv_timeout(limit).map_err(|error| match error {
            std::sync::mpsc::RecvTimeoutError::Timeout => NoAnswer::Timeout,
            std::sync::mpsc::RecvTimeoutError::Disconnected => NoAnswer::Stopped,
        })
    }
}

/// What is being committed, and where it will be said that it was.
type Committing = (Arc<Pending>, Receiver<Result<Committed, Error>>);

/// What a lane has told since somebody took it, with what its ended sessions come to: lanes add that up side by side.
struct Told {
    outcome: Outcome,
    late: Vec<Late>,
    totals: Totals,
}

impl Told {
    fn of(lane: &mut Lane) -> Self {
        let (outcome, late) = lane.drain();
        let mut totals = Totals::new(lane.plan());
        outcome.closed.iter().for_each(|session| totals.add(lane.plan(), session));
        Told { outcome, late, totals }
    }
}

/// A question that waits until a position is reached.
struct Waiting {
    /// Of each source.
    targets: Vec<Target>,
    ask: Ask,
    reply: Sender<Answer>,
}

/// The log of one source, as it is at work.
struct Reading {
    /// Everything before it was fed.
    position: Position,
    max_time: Option<Time>,
    silence: Silence,
    /// Records that its log lost before they were read, which was accepted.
    gaps: Vec<Gap>,
    keeping: Keeping,
    /// What lies before the place from which it is read, as the lanes last said.
    unseen: Unseen,
}

/// A partition, ready to run.
pub struct Partition {
    plan: Arc<Plan>,
    options: Options,
    feed: Feed,
    pipeline: Pipeline,
    requests: Receiver<Request>,
    handle: Handle,
    /// One for each source.
    readings: Vec<Reading>,
    /// Where the logs are read from, one for each source, if that is not their start.
    begun: Vec<Reach>,
    publishing: Publishing,
    counts: Counts,
    siblings: Siblings,
    /// When their number was last looked at.
    siblings_seen: Instant,
    /// Of sessions that are over.
    totals: Totals,
    pending: Pending,
    /// What the checkpoint that is being written will commit.
    committing: Option<Committing>,
    checkpoints: Option<Checkpoints>,
    reader: Reader,
    cut: Cut,
    results: Vec<FileRef>,
    epoch: u64,
    /// When it was certainly the owner: before the look at the head, or the commit, that said so.
    proven: Instant,
    /// Whether anything was fed since the last cut.
    dirty: bool,
    waiting: Vec<Waiting>,
    notices: Vec<Notice>,
    /// Whether so much waits for one source that the others are not read.
    pauses: bool,
}

/// How many rows of history (ended sessions, alerts, late events, dead letters) wait for a checkpoint at the most, but for
/// those of the blocks that are on their way.
const TOLD_MAX: usize = 1 << 16;
/// How many bytes of messages that are to be kept wait for a checkpoint at the most, but for the last block.
const FRESH_BYTES_MAX: usize = 64 << 20;
/// How many events of a partition with several sources may wait for the one that is farthest behind, but for those that
/// are read until the next checkpoint.
const HELD_MAX: u64 = if cfg!(test) { 1 << 10 } else { 1 << 23 };
/// How long the loop sleeps when its source has nothing.
const IDLE: Duration = Duration::from_millis(10);
/// How long after the last proof of its ownership an owner looks for another, and before which it answers nothing.
const OWNER_LOOK: Duration = Duration::from_secs(3);

impl Partition {
    /// How to talk to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The last committed checkpoint.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Works until it is asked to stop, its log ends (if so wished), or something fails. Ends with a checkpoint.
    ///
    /// `fenced` is set if somebody else has it now, before anybody who asks is left without an answer.
    pub fn run(mut self, fenced: &AtomicBool) -> Result<(), Error> {
        let result = self.work().and_then(|release| self.finish().map(|()| release));
        if matches!(result, Err(Error::Checkpoint(checkpoint::Error::Fenced { .. }))) {
            fenced.store(true, Ordering::SeqCst);
        }
        let checkpoints = self.checkpoints.take();
        // The log is let go before the head says so, for whoever comes opens it at once.
        drop(self);
        match checkpoints.filter(|_| matches!(result, Ok(true))) {
            Some(checkpoints) => Ok(checkpoints.release()?),
            None => result.map(|_| ()),
        }
    }

    /// Works until it is to end: whether it is to be given up then.
    fn work(&mut self) -> Result<bool, Error> {
        let mut last_cut = Instant::now();
        loop {
            let next = self.feed.read()?;
            let (idle, waits) = (!matches!(next, Fed::Block(_) | Fed::Gap(..)), matches!(next, Fed::Waits(_)));
            match next {
                Fed::Block(block) => {
                    self.keep(&block)?;
                    self.readings[usize::from(block.end.source)].position = block.end;
                    self.dirty = true;
                    self.pipeline.feed(block)?;
                }
                Fed::Gap(source, gap) => self.go_over(source, gap)?,
                // What is durable never ends for good: its log may go on when it is opened again.
                Fed::Ended(_) | Fed::Idle | Fed::Waits(_) | Fed::End => self.pipeline.flush()?,
            }
            self.look_for_growth()?;
            self.take_decoded();
            for source in 0..self.readings.len() {
                if self.feed.is_drained(source) {
                    self.stay_silent(source)?;
                } else {
                    self.readings[source].silence.broken();
                }
            }
            let drained = (0..self.readings.len()).all(|source| self.feed.is_drained(source));
            for notice in self.feed.notices() {
                tracing::warn!("{}: {}", notice.code.as_str(), format_args!("{}: {}", notice.file, notice.detail));
                self.notices.push(notice);
            }
            self.finish_commit(false)?;
            self.tend_outputs()?;
            self.answer_waiting()?;
            let at_end = if self.options.log.is_live() { drained } else { idle };
            if at_end && !waits && self.options.exit_at_end && self.waiting.is_empty() {
                return Ok(true);
            }
            // What is told and what is to be kept is in memory until a checkpoint has it, so much of it does not wait for the
            // time to come, and what is read next waits for it.
            let fresh: usize = self.readings.iter().map(|reading| reading.keeping.fresh.bytes()).sum();
            let full = self.pending.len() >= TOLD_MAX || fresh >= FRESH_BYTES_MAX;
            if full {
                self.finish_commit(true)?;
            }
            let due = full || last_cut.elapsed() >= self.options.checkpoint_every;
            if due && self.dirty && self.committing.is_none() {
                self.start_commit()?;
                last_cut = Instant::now();
            }
            if self.committing.is_none() {
                self.prove()?;
            }
            let request = if idle { self.requests.recv_timeout(IDLE).ok() } else { self.requests.try_recv().ok() };
            match request {
                Some(Request::Stop { release }) => return Ok(release),
                Some(Request::Ask { ask, sync: false, reply }) => self.answer(&ask, &reply)?,
                Some(Request::Ask { ask, sync: true, reply }) => {
                    let target = |source| self.feed.source(source).caught_up_target();
                    let targets = (0..self.readings.len()).map(target).collect::<Result<_, _>>()?;
                    self.waiting.push(Waiting { targets, ask, reply });
                    self.answer_waiting()?;
                }
                None => {}
            }
        }
    }

    /// Goes on behind records of a source that are missing, and says so for good.
    fn go_over(&mut self, source: usize, gap: Gap) -> Result<(), Error> {
        self.pipeline.gap(source)?;
        self.cut.begin_anew();
        let reading = &mut self.readings[source];
        if !reading.gaps.contains(&gap) {
            reading.gaps.push(gap);
        }
        let to = gap.to.unwrap_or(gap.from);
        reading.position = reading.position.max(to.of(source as u8));
        reading.keeping.fresh.over(to);
        self.dirty = true;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.finish_commit(true)?;
        self.pipeline.flush()?;
        self.look_at_last();
        if self.dirty {
            self.start_commit()?;
            self.finish_commit(true)?;
        }
        self.flush_outputs()
    }

    /// Makes sure that it was the owner not long ago. One that slept finds out here that it is none any more, before it
    /// says anything.
    fn prove(&mut self) -> Result<(), Error> {
        if self.proven.elapsed() < OWNER_LOOK {
            return Ok(());
        }
        self.finish_commit(true)?;
        if self.proven.elapsed() >= OWNER_LOOK {
            let before = Instant::now();
            if let Some(checkpoints) = &self.checkpoints {
                checkpoints.check_still_owner()?;
            }
            self.proven = before;
            self.publishing.renew(before);
        }
        Ok(())
    }

    fn take_decoded(&mut self) {
        let decoded: Vec<_> = self.pipeline.decoded().collect();
        for part in decoded {
            self.counts.records += part.records;
            self.counts.events += part.events;
            self.counts.dead += part.dead.len() as u64;
            let max_time = &mut self.readings[part.source].max_time;
            *max_time = (*max_time).max(part.max_time);
            self.feed.reached(part.source, *max_time);
            self.pending.dead.extend(part.dead);
            if let Some(bytes) = part.recycled {
                self.feed.source(part.source).recycle(bytes);
            }
        }
    }

    /// Takes what the lanes have told.
    fn take_told(&mut self, Told { outcome, late, totals }: Told) {
        self.counts.closed += outcome.closed.len() as u64;
        self.counts.forgotten += outcome.closed.iter().map(|session| session.forgotten).sum::<u64>();
        self.counts.partial += outcome.closed.iter().filter(|session| session.partial).count() as u64;
        self.counts.late += late.len() as u64;
        self.counts.duplicates += outcome.duplicates;
        for late in &late {
            self.readings[usize::from(late.position.source)].silence.note(late);
        }
        self.totals.merge(&totals);
        let Outcome { closed, alerts, .. } = outcome;
        self.pending.append(Pending { sessions: closed, alerts, late, dead: vec![] });
    }

    /// How far the log of each source has been read.
    fn reach(&self) -> Vec<Reach> {
        let reach = |(source, reading): (usize, &Reading)| Reach {
            position: reading.position,
            files: self.feed.files(source).clone(),
            max_time: reading.max_time,
            gaps: reading.gaps.clone(),
            silences: reading.silence.all.clone(),
            unseen: reading.unseen,
        };
        self.readings.iter().enumerate().map(reach).collect()
    }

    /// Kept events as of the last checkpoint.
    fn kept_files(&self) -> impl Iterator<Item = &FileRef> {
        self.readings.iter().flat_map(|reading| reading.keeping.kept.files())
    }

    /// Notes how many events wait in the lanes: where they are many, nothing is read ahead of the source they wait for.
    fn note_held(&mut self, held: u64) {
        let pauses = held >= HELD_MAX && self.readings.len() > 1;
        if pauses && !self.pauses {
            let sources = self.progress().sources.into_iter().enumerate();
            let last = sources.min_by_key(|(_, reached)| reached.watermark()).map_or(0, |(source, _)| source);
            let (name, of) = (&self.plan.source_at(last).name, self.plan.name());
            tracing::warn!(
                "{of}: {held} events wait for `{name}`, which has nothing; no more is read before it goes on"
            );
        }
        self.pauses = pauses;
        self.feed.pause(pauses);
    }

    fn answer_waiting(&mut self) -> Result<(), Error> {
        for mut waiting in std::mem::take(&mut self.waiting) {
            let mut targets = waiting.targets.iter_mut().zip(&self.readings);
            // Targets are places of a log by itself.
            if targets.all(|(target, reading)| target.reached(reading.position.of(0))) {
                self.answer(&waiting.ask, &waiting.reply)?;
            } else {
                self.waiting.push(waiting);
            }
        }
        Ok(())
    }

    fn answer(&mut self, ask: &Ask, reply: &Sender<Answer>) -> Result<(), Error> {
        self.prove()?;
        if matches!(ask, Ask::Key(_) | Ask::Spans) && self.has_fresh_events() {
            self.finish_commit(true)?;
            self.start_commit()?;
            self.finish_commit(true)?;
        }
        let (wants_sessions, wants_totals) = (matches!(ask, Ask::Sessions | Ask::Spans), *ask == Ask::Totals);
        let key = if let Ask::Key(key) = ask { Some((key_hash(key.as_bytes()), key.clone())) } else { None };
        let plan = Arc::clone(&self.plan);
        let parts = self.pipeline.call(move |lane, progress| {
            let told = Told::of(lane);
            let (mut outcome, mut live, mut totals) = (Outcome::default(), vec![], Totals::new(&plan));
            if let (true, Some(horizon)) = (wants_sessions || wants_totals, progress.horizon()) {
                lane.read(horizon, &mut outcome, |session| {
                    totals.add(&plan, &session);
                    if wants_sessions {
                        live.push(session);
                    }
                });
                outcome.closed.iter().for_each(|session| totals.add(&plan, session));
            }
            if let (Some((hash, key)), Some(horizon)) = (&key, progress.horizon()) {
                lane.read_key(*hash, key, horizon, &mut outcome, |session| live.push(session));
            }
            ((told, progress.clone()), outcome, live, totals, lane.size())
        })?;
        self.take_decoded();
        let mut sessions = vec![];
        let mut totals = Totals::new(&self.plan);
        let (mut bytes, mut live, mut partial) = (0, 0, 0);
        let mut read = Pending::default();
        for ((told, progress), over, alive, part, size) in parts {
            self.take_told(told);
            self.take_unseen(&progress);
            totals.merge(&part);
            sessions.extend(alive);
            let Outcome { closed, alerts, .. } = over;
            read.append(Pending { sessions: closed, alerts, ..Pending::default() });
            bytes += size.bytes;
            live += size.live;
            partial += size.partial;
        }
        totals.merge(&self.totals);
        let mut pending =
            self.committing.as_ref().map_or_else(Pending::default, |(pending, _)| Pending::clone(pending));
        pending.append(self.pending.clone());
        pending.append(read);
        let progress = self.progress();
        let answer = Answer {
            plan: Arc::clone(&self.plan),
            partition: self.options.part.number,
            folder: self.options.folder.clone(),
            owner: Some(self.options.writer.clone()),
            reach: self.reach(),
            begun: self.begun.clone(),
            watermark: progress.known_watermark(),
            horizon: progress.horizon(),
            epoch: self.epoch,
            counts: self.counts,
            outputs: self.publishing.progress(),
            bytes,
            live,
            partial: self.counts.partial + partial,
            pending,
            sessions,
            totals,
            results: self.results.iter().chain(self.kept_files()).cloned().collect(),
            reader: self.reader.clone(),
        };
        self.prove()?;
        // Whoever asked may have gone.
        let _ = reply.send(answer);
        Ok(())
    }
}
