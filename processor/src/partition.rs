//! A partition at work: reads its source, feeds the lanes, takes checkpoints, and answers.
//!
//! One thread runs the loop; [`Handle`] is how others talk to it. Everything between two blocks happens on that thread,
//! so an answer and a checkpoint are each true for one position of the log.
//!
//! A checkpoint is cut on the lanes (a copy of what changed) and written by another thread while the lanes go on.
//! **Invariant:** at most one checkpoint is being written; what a checkpoint being written will commit is still part of
//! answers until it is committed, and part of history from then on, never both.
//!
//! Lanes that are *behind* (`crate::lane`) are fed nothing more. Checkpoints, status and stops go on meanwhile; a question
//! about sessions waits until they have caught up, for to answer it on copies would be the same work once more.
//!
//! **Invariant:** after any error of the checkpoint store the loop ends: nothing is written or answered on a doubtful base.

mod answering;
mod ask;
mod asked;
mod beginning;
mod checkpointing;
mod copying;
mod damaged;
mod error;
mod growth;
mod history;
mod keeping;
mod looking;
mod pace;
mod preflight;
mod publishing;
mod recovery;
mod rest;
mod retiring;
mod silence;
mod survey;
mod zones;

pub use ask::{ANSWER_TIME, Answer, Ask, Asks, Handle, NoAnswer, PendingAnswer};
pub(crate) use asked::asked_by;
pub(crate) use checkpointing::plan_fingerprint;
pub use error::Error;
pub use looking::Looks;
pub use preflight::before;
pub use recovery::Recovery;
pub(crate) use recovery::identity;
pub use rest::{asked_up_to, at_rest, can_copy, can_run, seal, sealed};

use crate::checkpoint::protocol::CHECKPOINTS_KEPT;
use crate::checkpoint::{self, Checkpoints, FileRef, OwnerLook, Reader, Store, TakeFrom};
use crate::damage::Damage;
use crate::feed::{Fed, Feed};
use crate::history::History;
use crate::input::{Log, Part};
use crate::labels::Labels;
use crate::lane::Outcome;
use crate::measured;
use crate::outputs::Outputs;
use crate::pipeline::Pipeline;
use crate::programs::Begin;
use crate::reach::Reach;
use crate::results::{Dropped, Pending};
use crate::start_markers::StartMarkers;
use crate::totals::Totals;
use crate::watermark::UnreadPrefix;
use answering::{Answering, LaneOutput, Waiting};
use ask::{Reply, Request};
use checkpointing::{Committed, Cut};
use event_feeder::world::Instant;
use event_feeder::{Code, Gap, Notice, Position};
use growth::Siblings;
use history::Mover;
use keeping::Keeping;
use looking::{Looked, LossesSaid};
use pace::Pace;
use publishing::Publishing;
use silence::Silence;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;
use survey::Survey;
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
    /// From where it is read, if it has no state yet.
    pub begins: Begin,
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

/// What is being committed, and where it will be said that it was.
type Committing = (Arc<Pending>, Receiver<Result<Committed, Error>>);

/// The log of one source, as it is at work.
struct SourceProgress {
    /// Everything before it was fed.
    position: Position,
    max_time: Option<Time>,
    silence: Silence,
    /// Records that its log lost before they were read, which was accepted.
    gaps: Vec<Gap>,
    keeping: Keeping,
    /// What lies before the place from which it is read, as the lanes last said.
    unseen: UnreadPrefix,
    /// What its records have.
    looked: Looked,
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
    readings: Vec<SourceProgress>,
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
    /// What outputs say last that are hidden with the next checkpoint.
    last: Pending,
    /// The outputs that have said their last.
    retired: BTreeSet<String>,
    /// The metrics of which history has changes of how many sessions are counted at once.
    apart: BTreeSet<String>,
    /// Rows of history whose time was over.
    dropped: Dropped,
    /// What of history is on its way into tables.
    mover: Mover,
    /// What the checkpoint that is being written will commit.
    committing: Option<Committing>,
    checkpoints: Option<Checkpoints>,
    /// Looks whose it is while a checkpoint is being written.
    owner_look: OwnerLook,
    reader: Reader,
    cut: Cut,
    results: Vec<FileRef>,
    damage: Damage,
    /// Whether files of results lie about that only older checkpoints name.
    lingers: bool,
    /// When files that are broken were last looked at.
    damage_looked: Instant,
    epoch: u64,
    /// When it was certainly the owner: before the look at the head, or the commit, that said so.
    proven: Instant,
    /// Whether anything was fed since the last cut.
    dirty: bool,
    waiting: Vec<Waiting>,
    /// Questions that wait for lanes that are behind.
    delayed: VecDeque<(Ask, Reply)>,
    /// The question that lanes are read for.
    answering: Option<Answering>,
    /// The looks at all sessions that the next checkpoint waits for.
    survey: Option<Survey>,
    notices: Vec<Notice>,
    losses: LossesSaid,
    /// Whether so much waits for one source that the others are not read.
    pauses: bool,
    /// How much is fed at once.
    pace: Pace,
    /// How long its lanes were busy with events since it was opened, added up.
    busy: Duration,
    /// When the first message of the block that was read last was published, as far as the log says it.
    received: Option<Time>,
}

/// How many rows of history (ended sessions, alerts, late events, dead letters) wait for a checkpoint at the most, but for
/// those of the blocks that are on their way.
const TOLD_MAX: usize = 1 << 16;
/// How many bytes of messages that are to be kept wait for a checkpoint at the most, but for the last block.
const FRESH_BYTES_MAX: usize = 16 << 20;
/// How many events of a partition with several sources may wait for the one that is farthest behind, but for those that
/// are read until the next checkpoint.
const HELD_MAX: u64 = if cfg!(test) { 1 << 10 } else { 1 << 23 };
/// How long the loop sleeps when its source has nothing.
const IDLE: Duration = Duration::from_millis(10);
/// How long it sleeps then when questions wait for lanes that are behind.
const LANES_IDLE: Duration = Duration::from_millis(1);
/// How many questions and orders are taken before the log is read on, at the most.
const REQUESTS_AT_ONCE: usize = 16;
/// How long after the last proof of its ownership an owner looks for another.
const OWNER_LOOK: Duration = Duration::from_secs(3);
/// How long the loop waits for lanes that are read or looked at before it does anything else.
const AT_ONCE: Duration = Duration::from_millis(25);
/// How long a lane works before it looks up.
const LOOK_UP: Duration = Duration::from_millis(25);
/// How old that proof may be for an answer. Another one takes over when a counter has stood still for three seconds, which
/// may have moved a second before the proof.
const ANSWER_LOOK: Duration = Duration::from_secs(1);

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
        if let Err(error) = &result {
            self.handle.failed(error);
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
            self.answer_delayed()?;
            self.feed.hand_out(self.pace.bytes());
            let next = if self.is_busy() || self.mover.is_full() { None } else { Some(self.feed.read()?) };
            let (idle, waits) =
                (!matches!(next, Some(Fed::Block(_) | Fed::Gap(..))), matches!(next, None | Some(Fed::Waits(_))));
            let is_read = next.is_some();
            match next.unwrap_or(Fed::Idle) {
                Fed::Block(block) => {
                    self.keep(&block)?;
                    self.readings[usize::from(block.end.source)].position = block.end;
                    self.dirty = true;
                    // Whoever asks from here on is answered behind it.
                    let published = block.marks.first().and_then(|mark| mark.received);
                    let source = usize::from(block.end.source);
                    self.pipeline.feed(block)?;
                    self.received = published.or(self.received);
                    if let Some(at) = published {
                        let name = &self.plan.source_at(source).name;
                        measured::published(name, self.options.part.number, at);
                    }
                }
                Fed::Gap(source, gap) => self.go_over(source, gap)?,
                // What is durable never ends for good: its log may go on when it is opened again.
                Fed::Ended(_) | Fed::Idle | Fed::Waits(_) | Fed::End => self.pipeline.flush()?,
            }
            if self.survey.is_none() {
                self.look_for_growth()?;
            }
            self.take_decoded();
            if self.pipeline.is_behind() {
                // Long work may tell very much, and what it tells waits for a checkpoint like everything else.
                let told = self.pipeline.call(|lane, _| LaneOutput::of(lane))?;
                told.into_iter().for_each(|told| self.take_told(told));
            }
            for source in 0..self.readings.len() {
                if !is_read {
                    // Whether its log holds more by now was not asked.
                } else if self.feed.is_drained(source) {
                    self.stay_silent(source)?;
                } else {
                    self.readings[source].silence.broken();
                }
            }
            let drained = (0..self.readings.len()).all(|source| self.feed.is_drained(source));
            for notice in self.feed.notices() {
                // It is of no concern where nulls say nothing.
                if notice.code == Code::MostlyNulls && self.plan.columns.iter().any(|column| column.nulls.missing) {
                    continue;
                }
                tracing::warn!("{}: {}", notice.code.as_str(), format_args!("{}: {}", notice.file, notice.detail));
                self.notices.push(notice);
            }
            self.finish_commit(false)?;
            self.note_broken();
            self.tend_outputs()?;
            self.tend_history();
            self.answer_waiting()?;
            if idle && !waits && !self.options.log.is_live() {
                (0..self.readings.len()).for_each(|source| self.look_at_rest(source));
            }
            let at_end = if self.options.log.is_live() { drained } else { idle };
            let is_asked = !self.waiting.is_empty() || !self.delayed.is_empty() || self.answering.is_some();
            // What was read last may still be on its way through the lanes.
            if at_end && !waits && self.options.exit_at_end && !is_asked && !self.is_behind()? {
                self.take_decoded();
                (0..self.readings.len()).for_each(|source| self.say_of_first(source));
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
            if due
                && (self.dirty || self.lingers || self.mover.waits())
                && self.committing.is_none()
                && self.survey.is_none()
            {
                self.begin_survey()?;
                last_cut = Instant::now();
            }
            if self.survey.is_some() && self.is_surveyed(AT_ONCE)? {
                self.start_commit()?;
            }
            if self.committing.is_none() {
                self.prove(OWNER_LOOK)?;
            }
            for taken in 0..REQUESTS_AT_ONCE {
                match self.next_request(idle && taken == 0)? {
                    Some(Request::Stop { release }) => return Ok(release),
                    Some(Request::Become(labels)) => self.relabel(labels)?,
                    Some(Request::Ask { ask, sync: false, reply }) => self.answer_in_time(ask, reply)?,
                    Some(Request::Ask { ask, sync: true, reply }) => self.wait_for_all(ask, reply)?,
                    None => break,
                }
            }
        }
    }

    /// What somebody wants; it is waited for where there is nothing else to do, but for an answer that lanes are read for.
    fn next_request(&mut self, waits: bool) -> Result<Option<Request>, Error> {
        if !waits {
            return Ok(self.requests.try_recv().ok());
        }
        if self.answering.is_some() {
            self.finish_answer(IDLE)?;
            return Ok(self.requests.try_recv().ok());
        }
        let length = if self.delayed.is_empty() { IDLE } else { LANES_IDLE };
        Ok(self.requests.recv_timeout(length).ok())
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
        // The last one has looks of its own.
        self.dirty |= self.survey.take().is_some();
        self.pipeline.flush()?;
        self.look_at_last();
        if self.dirty {
            self.start_commit()?;
            self.finish_commit(true)?;
        }
        self.flush_outputs()?;
        self.finish_history()?;
        // What was put together is to be there once when nobody is at work.
        for _ in 0..CHECKPOINTS_KEPT {
            if self.lingers {
                self.start_commit()?;
                self.finish_commit(true)?;
            }
        }
        Ok(())
    }

    /// Makes sure that it was the owner so long ago at the most. One that slept finds out here that it is none any more,
    /// before it says anything.
    fn prove(&mut self, ago: Duration) -> Result<(), Error> {
        if self.proven.elapsed() < ago {
            return Ok(());
        }
        // What is being written proves it too, but nobody waits for that.
        self.finish_commit(false)?;
        if self.proven.elapsed() >= ago {
            let before = Instant::now();
            match &self.checkpoints {
                Some(checkpoints) => checkpoints.check_still_owner()?,
                None => {
                    if let Err(error) = self.owner_look.check() {
                        // Where the checkpoint failed, that says more.
                        self.finish_commit(true)?;
                        return Err(error.into());
                    }
                }
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
            self.counts.misrouted += part.misrouted;
            if part.misrouted > 0 {
                self.options.log.misrouted(&self.options.part);
            }
            self.look_at(part.source, part.records, part.events, part.seen);
            let max_time = &mut self.readings[part.source].max_time;
            *max_time = (*max_time).max(part.max_time);
            self.feed.reached(part.source, *max_time);
            self.losses.note(&part.dead);
            self.pending.dead.extend(part.dead);
            self.pace.note(part.took);
            self.busy += part.took;
            if let Some(bytes) = part.recycled {
                self.feed.source(part.source).recycle(bytes);
            }
        }
    }

    /// Takes what the lanes have told.
    fn take_told(&mut self, LaneOutput { outcome, late, totals }: LaneOutput) {
        let ended = outcome.closed.iter().filter(|session| session.is_whole());
        self.counts.closed += ended.clone().count() as u64;
        self.counts.partial += ended.filter(|session| session.partial).count() as u64;
        self.counts.forgotten += outcome.closed.iter().map(|session| session.forgotten).sum::<u64>();
        self.counts.late += late.len() as u64;
        self.counts.repaired += late.iter().filter(|late| late.repaired).count() as u64;
        self.counts.duplicates += outcome.duplicates;
        for late in &late {
            let reading = &mut self.readings[usize::from(late.position.source)];
            reading.silence.note(late);
            reading.looked.note(late);
        }
        self.totals.merge(&totals);
        let Outcome { closed, alerts, failed, .. } = outcome;
        let dead: Vec<_> = failed.iter().map(|failed| failed.letter(&self.plan)).collect();
        self.counts.dead += dead.len() as u64;
        self.pending.append(Pending { sessions: closed, alerts, late, dead, parts: vec![] });
    }

    /// How far the log of each source has been read.
    fn reach(&self) -> Vec<Reach> {
        let reach = |(source, reading): (usize, &SourceProgress)| Reach {
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
}
