//! One-shot evaluation of a log: no server, no state kept.
//!
//! It is the engine itself, not another implementation: the same lanes as in the durable processor, read once at the horizon.

use crate::feed::{Feed, FeedItem};
use crate::file_counts::{EmptyFile, FileCounts};
use crate::lane::image::{self, ImageError};
use crate::lane::{Lane, Recorder, SessionOutput, SessionSink, Watcher};
use crate::pipeline::{DecodedBlock, LaneLost, Pipeline, SourceStart};
use crate::records::{AlertRow, LateEvent, RecordedSpan, SessionSnapshot};
use crate::remarks;
use crate::time_jumps::{TimeJump, TimeJumpEffect, TimeJumps};
use crate::totals::{MetricTotals, SessionFold};
use event_feeder::file::FileTable;
use event_feeder::world;
use event_feeder::{DeadLetter, Notice, Position, RecordCode, RecordTraits, Source};
use std::collections::BTreeMap;
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// How to evaluate.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads, and lanes; at least one is used.
    pub threads: usize,
    /// Cuts the log, inclusive, once lateness was judged; the last accepted event if not given.
    pub until: Option<Time>,
    /// Whether the spans of metrics are wanted.
    pub spans: bool,
    /// How many dead letters are kept beyond the first [`DEAD_MAX`].
    pub more_dead: usize,
    /// Whether only totals are wanted, and rows neither of sessions nor of alerts that are on.
    pub totals_only: bool,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// All sessions, in no order; those that are alive have no end. None if only totals are wanted.
    pub sessions: Vec<SessionSnapshot>,
    /// All spans of alerts, in no order.
    pub alerts: Vec<AlertRow>,
    /// All spans of metrics, in no order; empty unless they were asked for.
    pub spans: Vec<RecordedSpan>,
    /// The aggregated metrics.
    pub totals: MetricTotals,
    /// Values that sessions have forgotten beyond the caps of their workers.
    pub forgotten: u64,
    /// Events that came too late, those that were repaired included.
    pub late: Vec<LateEvent>,
    /// Events that were dropped because they had come before.
    pub duplicates: u64,
    /// What could not be read, in log order: the first [`DEAD_MAX`], and more if that was asked for.
    pub dead: Vec<DeadLetter>,
    /// How many there are of each code.
    pub dead_counts: BTreeMap<RecordCode, u64>,
    /// What the source set aside.
    pub notices: Vec<Notice>,
    /// Records read.
    pub records: u64,
    /// Usable events among them.
    pub events: u64,
    /// What was seen of each source.
    pub sources: Vec<SourceSummary>,
    /// The instant that it was read at; `None` without any event.
    pub horizon: Option<Time>,
}

/// What was seen of a source.
#[derive(Debug, Default)]
pub struct SourceSummary {
    /// Records.
    pub records: u64,
    /// Usable events among them.
    pub events: u64,
    /// What they have.
    pub seen: RecordTraits,
    /// The files of which no event was read; of a log that is no files the log itself.
    pub empty: Vec<EmptyFile>,
    files: FileCounts,
    /// Of each block where it begins, its least and its largest time.
    blocks: Vec<(Position, Time, Time)>,
    leaps: TimeJumps,
}

impl SourceSummary {
    fn add(&mut self, decoded: &DecodedBlock) {
        self.records += decoded.records;
        self.events += decoded.events;
        self.files.add(&decoded.origin, decoded.records, decoded.events);
        self.seen.add(decoded.seen.clone());
        let times = decoded.seen.least.zip(decoded.max_time);
        self.blocks.extend(times.map(|(least, largest)| (decoded.start, least, largest)));
    }

    /// Takes note of which files of its log gave nothing.
    fn look_at_files(&mut self, files: &FileTable) {
        self.empty = self.files.without_events(files.iter().map(|file| &*file.name));
        if files.is_empty() && self.events == 0 {
            self.empty.push(EmptyFile { name: "standard input".to_owned(), records: self.records });
        }
    }

    /// The events because of which others are late, for they are far ahead of all before them.
    pub fn far_ahead(&self) -> impl Iterator<Item = &TimeJumpEffect> {
        self.leaps.told(self.events)
    }

    /// How far an event is behind the largest time before it in the log, at most: the lateness with which none is late.
    pub fn behind(&self) -> Time {
        let mut blocks: Vec<_> = self.blocks.iter().collect();
        blocks.sort_unstable_by_key(|(start, ..)| *start);
        let (mut behind, mut largest) = (self.seen.behind, Time::MIN);
        for (_, least, most) in blocks {
            behind = behind.max(largest.saturating_sub(*least));
            largest = largest.max(*most);
        }
        behind
    }
}

impl Evaluation {
    fn begun(plan: &Plan) -> Self {
        let sources = plan.sources().map(|_| SourceSummary::default()).collect();
        Evaluation { totals: MetricTotals::new(plan), sources, ..Evaluation::default() }
    }

    /// Counts what is late because of which event.
    fn count_leaps(&mut self, plan: &Plan, leaps: &[TimeJump]) {
        for (number, (source, looked)) in plan.sources().zip(&mut self.sources).enumerate() {
            let is_own = |position: Position| usize::from(position.source) == number;
            let own = leaps.iter().filter(|leap| is_own(leap.position)).cloned().collect();
            let late = self.late.iter().filter(|late| late.is_lost_behind() && is_own(late.position));
            looked.leaps.take(own, late.map(|late| (late.position, late.time)).collect(), source.lateness);
        }
    }

    /// What there is to say of the records: that nothing has a column, for example, or a text that is asked for.
    pub fn remarks(&self, plan: &Plan) -> Vec<Notice> {
        let of = |(number, looked): (usize, &SourceSummary)| {
            let SourceSummary { seen, records, events, .. } = looked;
            let remarks = remarks::of(plan, number, seen, *records, *events).into_iter().map(|remark| remark.notice);
            let unmet = remarks::unmet(plan, number, seen, *records, *events).into_iter().map(|unmet| unmet.notice);
            remarks.chain(unmet).collect::<Vec<_>>()
        };
        self.sources.iter().enumerate().flat_map(of).collect()
    }
}

/// How many dead letters an evaluation keeps unless more are asked for; all are counted.
pub const DEAD_MAX: usize = 10_000;

/// Why a log could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] event_feeder::Error),
    /// A worker panicked.
    #[error(transparent)]
    LaneThread(#[from] LaneLost),
}

/// Evaluates logs to their end, one for each of the plan's sources.
///
/// # Panics
///
/// If there are not as many.
pub fn evaluate(plan: &Arc<Plan>, sources: Vec<Box<dyn Source>>, options: &Options) -> Result<Evaluation, Error> {
    if options.spans {
        run::<Recorder<false>>(plan, sources, options, |recorder, spans| spans.extend(recorder.spans))
    } else {
        run::<()>(plan, sources, options, |(), _| {})
    }
}

/// Evaluates logs with every lane written to its image and restored after each block, in turn into one lane more and one
/// lane less. It answers what [`evaluate`] answers, without spans, and is how a test shows that.
pub fn evaluate_restored(
    plan: &Arc<Plan>,
    sources: Vec<Box<dyn Source>>,
    options: &Options,
) -> Result<Evaluation, RestoredError> {
    let threads = options.threads.max(1);
    let mut evaluation = Evaluation::begun(plan);
    let mut begun = vec![SourceStart::default(); sources.len()];
    let mut feed = Feed::new(plan, sources, false);
    let mut lanes: Vec<Lane> = (0..threads).map(|_| Lane::new(Arc::clone(plan), options.until)).collect();
    let mut rounds = 0;
    loop {
        let block = match feed.read().map_err(Error::from)? {
            FeedItem::Block(block) => block,
            FeedItem::Ended(source) => {
                begun[source].ended = true;
                continue;
            }
            FeedItem::Idle | FeedItem::Waits(_) | FeedItem::Gap(..) => continue,
            FeedItem::End => break,
        };
        let mut pipeline = Pipeline::start(plan, lanes, &begun, options.until);
        pipeline.feed(block).map_err(Error::from)?;
        let parts = pipeline.call(|lane, _| (lane.image(true, true), lane.drain())).map_err(Error::from)?;
        take_decoded(&pipeline, &mut feed, &mut evaluation, &mut begun, DEAD_MAX);
        let mut images = vec![];
        for (image, (outcome, late)) in parts {
            images.push(image);
            take_told(plan, outcome, vec![], late, &mut evaluation);
        }
        rounds += 1;
        lanes = image::restore(plan, threads + rounds % 2, &images)?;
        lanes.iter_mut().for_each(|lane| lane.cut_at(options.until));
    }
    let max_time = begun.iter().filter_map(|begun| begun.max_time).max();
    evaluation.horizon = options.until.or(max_time).filter(|_| max_time.is_some());
    evaluation.totals.set_horizon(evaluation.horizon, evaluation.horizon.unwrap_or(Time::MIN));
    for lane in &mut lanes {
        let (mut outcome, mut live) = (SessionOutput::default(), vec![]);
        if let Some(horizon) = evaluation.horizon {
            lane.read(horizon, &mut outcome, |session| live.push(session));
        }
        take_told(plan, outcome, live, vec![], &mut evaluation);
    }
    Ok(evaluation)
}

/// Why a log could not be evaluated with restores in between.
#[derive(Debug, thiserror::Error)]
pub enum RestoredError {
    /// As without them.
    #[error(transparent)]
    Evaluation(#[from] Error),
    /// An image of ours cannot be loaded.
    #[error(transparent)]
    Image(#[from] ImageError),
}

fn run<W: Watcher + Send + 'static>(
    plan: &Arc<Plan>,
    sources: Vec<Box<dyn Source>>,
    options: &Options,
    collect: fn(W, &mut Vec<RecordedSpan>),
) -> Result<Evaluation, Error> {
    let totals_only = options.totals_only;
    let lane = |_| {
        let mut lane = Lane::<W>::new(Arc::clone(plan), options.until);
        if totals_only {
            lane.fold_sessions();
        }
        lane
    };
    let lanes = (0..options.threads.max(1)).map(lane).collect();
    let mut begun = vec![SourceStart::default(); sources.len()];
    let mut pipeline = Pipeline::start(plan, lanes, &begun, options.until);
    let mut feed = Feed::new(plan, sources, false);
    let mut evaluation = Evaluation::begun(plan);
    let dead_max = DEAD_MAX.saturating_add(options.more_dead);
    loop {
        match feed.read()? {
            FeedItem::Block(block) => pipeline.feed(block)?,
            FeedItem::Ended(source) => pipeline.end(source)?,
            FeedItem::Gap(..) => {}
            FeedItem::Idle | FeedItem::Waits(_) => world::sleep(std::time::Duration::from_millis(1)),
            FeedItem::End => break,
        }
        take_decoded(&pipeline, &mut feed, &mut evaluation, &mut begun, dead_max);
        evaluation.notices.extend(feed.notices());
    }
    let parts = pipeline.call(move |lane, progress| {
        let (mut outcome, late) = lane.drain();
        let (mut live, mut fold) = (vec![], SessionFold::new(lane.plan()));
        if let Some(horizon) = options_horizon(progress.until, progress.max_time()) {
            let mut tell = |session| live.push(session);
            let mut sink = if totals_only { SessionSink::Totals(&mut fold) } else { SessionSink::Rows(&mut tell) };
            lane.read_into(horizon, &mut outcome, &mut sink);
        }
        let watchers = lane.take_watchers();
        (outcome, late, (live, fold), watchers)
    })?;
    take_decoded(&pipeline, &mut feed, &mut evaluation, &mut begun, dead_max);
    evaluation.notices.extend(feed.notices());
    for (number, looked) in evaluation.sources.iter_mut().enumerate() {
        looked.look_at_files(feed.files(number));
    }
    let max_time = begun.iter().filter_map(|begun| begun.max_time).max();
    evaluation.horizon = options.until.or(max_time).filter(|_| max_time.is_some());
    evaluation.totals.set_horizon(evaluation.horizon, evaluation.horizon.unwrap_or(Time::MIN));
    for (outcome, late, (live, fold), watchers) in parts {
        take_folded(fold, &mut evaluation);
        take_told(plan, outcome, live, late, &mut evaluation);
        for watcher in watchers {
            collect(watcher, &mut evaluation.spans);
        }
    }
    evaluation.late.sort_by_key(|late| late.position);
    evaluation.count_leaps(plan, &pipeline.leaps().collect::<Vec<_>>());
    bound_dead(&mut evaluation.dead, dead_max);
    Ok(evaluation)
}

/// Puts what a lane tells to what others told.
fn take_told(
    plan: &Plan,
    outcome: SessionOutput,
    live: Vec<SessionSnapshot>,
    late: Vec<LateEvent>,
    evaluation: &mut Evaluation,
) {
    outcome.counted.iter().for_each(|counted| evaluation.totals.merge(counted));
    let SessionOutput { closed, alerts, duplicates, stragglers, failed, folded, .. } = outcome;
    folded.into_iter().for_each(|folded| take_folded(folded, evaluation));
    for letter in failed.iter().map(|failed| failed.letter(plan)) {
        *evaluation.dead_counts.entry(letter.code).or_default() += 1;
        evaluation.dead.push(letter);
    }
    evaluation.duplicates += duplicates;
    evaluation.late.extend(late.into_iter().chain(stragglers));
    evaluation.alerts.extend(alerts);
    for session in closed.into_iter().chain(live) {
        evaluation.totals.add(plan, &session);
        evaluation.forgotten += session.forgotten;
        evaluation.alerts.extend(session.open_alerts.iter().cloned());
        evaluation.sessions.push(session);
    }
}

fn take_folded(folded: SessionFold, evaluation: &mut Evaluation) {
    let (totals, forgotten) = folded.into_totals();
    evaluation.totals.merge(&totals);
    evaluation.forgotten += forgotten;
}

/// Sorts dead letters and drops all but the first; blocks are decoded by several threads and come as they are done.
fn bound_dead(dead: &mut Vec<DeadLetter>, most: usize) {
    dead.sort_by_key(|dead| dead.position);
    dead.truncate(most);
}

/// Where sessions are read: the end of the log, or where it was cut.
fn options_horizon(until: Time, max_time: Option<Time>) -> Option<Time> {
    max_time.map(|max| if until == Time::MAX { max } else { until })
}

fn take_decoded<W: Watcher + Send + 'static>(
    pipeline: &Pipeline<W>,
    feed: &mut Feed,
    evaluation: &mut Evaluation,
    begun: &mut [SourceStart],
    dead_max: usize,
) {
    for decoded in pipeline.decoded() {
        evaluation.records += decoded.records;
        evaluation.events += decoded.events;
        evaluation.sources[decoded.source].add(&decoded);
        for letter in &decoded.dead {
            *evaluation.dead_counts.entry(letter.code).or_default() += 1;
        }
        evaluation.dead.extend(decoded.dead);
        if evaluation.dead.len() > dead_max.saturating_mul(2) {
            bound_dead(&mut evaluation.dead, dead_max);
        }
        let max_time = &mut begun[decoded.source].max_time;
        *max_time = (*max_time).max(decoded.max_time);
        feed.reached(decoded.source, *max_time);
        if let Some(bytes) = decoded.recycled {
            feed.source(decoded.source).recycle(bytes);
        }
    }
}
