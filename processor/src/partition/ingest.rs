//! What has been read: the logs of a partition's sources, how far each is, and how fast they are fed.
//!
//! **Invariant:** everything before the position of a source was handed to the lanes, and nothing behind it; so what a
//! checkpoint says of the logs follows from here alone.

use super::Options;
use super::backpressure::Backpressure;
use super::ends::SourceEnd;
use super::idleness::IdleTimer;
use super::keeping::Keeping;
use super::looking::SourceFindings;
use super::siblings::Siblings;
use crate::checkpoint::FileRef;
use crate::feed::Feed;
use crate::log_position::LogPosition;
use crate::pipeline::DecodedBlock;
use crate::records::LateEvent;
use crate::retained::RetainedLog;
use crate::watermark::{PartitionProgress, UnreadPrefix};
use event_feeder::world::Instant;
use event_feeder::{Block, Gap, Notice, Position, Source, Target};
use std::time::Duration;
use timeline_core::Time;
use timeline_core::plan::Plan;

/// How many events of a partition with several sources may wait for the one that is farthest behind, but for those that
/// are read until the next checkpoint.
const HELD_MAX: u64 = if cfg!(test) { 1 << 10 } else { 1 << 23 };

/// The log of one source, as it is at work.
pub(super) struct SourceProgress {
    /// Everything before it was fed.
    pub position: Position,
    pub max_time: Option<Time>,
    pub silence: IdleTimer,
    /// Records that its log lost before they were read, which was accepted.
    pub gaps: Vec<Gap>,
    pub keeping: Keeping,
    /// What lies before the place from which it is read, as the lanes last said.
    pub unseen: UnreadPrefix,
    /// What its records have.
    pub looked: SourceFindings,
    /// What waits where it ends now.
    pub end: SourceEnd,
}

/// The logs of all sources, as they are at work.
pub(super) struct Ingest {
    pub feed: Feed,
    /// One for each source.
    pub sources: Vec<SourceProgress>,
    /// Where the logs are read from, one for each source, if that is not their start.
    pub begun: Vec<LogPosition>,
    pub siblings: Siblings,
    /// When their number was last looked at.
    pub siblings_seen: Instant,
    /// The first notices of what is not read although it looks like a part of a log, and of what is read twice.
    pub doubtful_files: Vec<Notice>,
    /// Whether so much waits for one source that the others are not read.
    pub pauses: bool,
    /// How much is fed at once.
    pub pace: Backpressure,
    /// How long the lanes were busy with events since the partition was opened, added up.
    pub busy: Duration,
    /// When the first message of the block that was read last was published, as far as the log says it.
    pub received: Option<Time>,
}

impl Ingest {
    /// The logs of the plan's sources, in their order, opened behind the places to which they have been read.
    pub(super) fn open(
        plan: &Plan,
        options: &Options,
        logs: Vec<Box<dyn Source>>,
        reach: Vec<LogPosition>,
        kept: Vec<RetainedLog>,
        begun: Vec<LogPosition>,
        siblings: Siblings,
    ) -> Ingest {
        let is_live = options.log.is_live();
        let keep = if is_live { options.keep } else { 0 };
        let mut feed = Feed::new(plan, logs, is_live);
        for (source, reach) in reach.iter().enumerate() {
            feed.reached(source, reach.max_time);
            feed.passed(source, reach.silences.at(reach.position));
        }
        let all = reach.into_iter().zip(kept).zip(plan.sources());
        let sources = all.map(|((reach, kept), declared)| SourceProgress {
            position: reach.position,
            max_time: reach.max_time,
            gaps: reach.gaps,
            silence: IdleTimer::new(if is_live { declared.idle.live() } else { None }, reach.silences),
            keeping: Keeping::new(keep, kept, reach.position.of(0), reach.max_time),
            unseen: reach.unseen,
            looked: SourceFindings::default(),
            end: SourceEnd::after(reach.position),
        });
        Ingest {
            sources: sources.collect(),
            feed,
            begun,
            siblings,
            siblings_seen: Instant::now(),
            doubtful_files: vec![],
            pauses: false,
            pace: Backpressure::new(),
            busy: Duration::ZERO,
            received: None,
        }
    }

    /// How many sources there are.
    pub(super) fn count(&self) -> usize {
        self.sources.len()
    }

    /// How far the log of each source has been read.
    pub(super) fn reach(&self) -> Vec<LogPosition> {
        let reach = |(source, progress): (usize, &SourceProgress)| LogPosition {
            position: progress.position,
            files: self.feed.files(source).clone(),
            max_time: progress.max_time,
            gaps: progress.gaps.clone(),
            silences: progress.silence.all.clone(),
            unseen: progress.unseen,
        };
        self.sources.iter().enumerate().map(reach).collect()
    }

    /// How far the logs have come, and what silence made of them.
    pub(super) fn progress(&self, plan: &Plan) -> PartitionProgress {
        let mut progress = PartitionProgress::nothing(plan, None);
        for (reached, source) in progress.sources.iter_mut().zip(&self.sources) {
            reached.max_time = source.max_time;
            // A log that is read again is not there yet.
            reached.idle = source.silence.all.at(source.position);
            reached.unseen = source.unseen;
        }
        progress
    }

    /// Kept events as of the last checkpoint.
    pub(super) fn kept_files(&self) -> impl Iterator<Item = &FileRef> {
        self.sources.iter().flat_map(|source| source.keeping.kept.files())
    }

    /// Whether the logs of all sources are known to hold no more.
    pub(super) fn is_drained(&self) -> bool {
        (0..self.count()).all(|source| self.feed.is_drained(source))
    }

    /// Whether everything before a place of each source was fed.
    pub(super) fn is_reached(&self, targets: &mut [Target]) -> bool {
        // Targets are places of a log by itself.
        targets.iter_mut().zip(&self.sources).all(|(target, source)| target.reached(source.position.of(0)))
    }

    /// A block is fed now.
    pub(super) fn pass(&mut self, block: &Block) {
        let progress = &mut self.sources[usize::from(block.end.source)];
        progress.position = block.end;
        progress.end.note(None);
    }

    /// Goes on behind records of a source that are missing.
    pub(super) fn go_over(&mut self, source: usize, gap: Gap) {
        let progress = &mut self.sources[source];
        if !progress.gaps.contains(&gap) {
            progress.gaps.push(gap);
        }
        let to = gap.to.unwrap_or(gap.from);
        progress.position = progress.position.max(to.of(source as u8));
        progress.keeping.fresh.over(to);
    }

    /// Takes what a lane thread says of a block that it has decoded.
    pub(super) fn take_decoded(&mut self, plan: &Plan, part: DecodedBlock) {
        let DecodedBlock { source, records, events, max_time, seen, recycled, took, origin, .. } = part;
        self.sources[source].end.files.add(&origin, records, events);
        self.look_at(plan, source, records, events, seen);
        let largest = &mut self.sources[source].max_time;
        *largest = (*largest).max(max_time);
        self.feed.reached(source, *largest);
        self.pace.note(took);
        self.busy += took;
        if let Some(bytes) = recycled {
            self.feed.source(source).recycle(bytes);
        }
    }

    /// Takes note of events that were late.
    pub(super) fn note_late(&mut self, late: &[LateEvent]) {
        for late in late {
            let source = &mut self.sources[usize::from(late.position.source)];
            source.silence.note(late);
            source.looked.note(late);
        }
    }

    /// Takes what the lanes know of what lies before the beginning.
    pub(super) fn take_unseen(&mut self, progress: &PartitionProgress) {
        for (source, reached) in self.sources.iter_mut().zip(&progress.sources) {
            source.unseen = reached.unseen;
        }
    }

    /// Notes how many events wait in the lanes: where they are many, nothing is read ahead of the source they wait for.
    pub(super) fn note_held(&mut self, plan: &Plan, held: u64) {
        let pauses = held >= HELD_MAX && self.count() > 1;
        if pauses && !self.pauses {
            let sources = self.progress(plan).sources.into_iter().enumerate();
            let last = sources.min_by_key(|(_, reached)| reached.watermark()).map_or(0, |(source, _)| source);
            let (name, of) = (&plan.source_at(last).name, plan.name());
            tracing::warn!(
                "{of}: {held} events wait for `{name}`, which has nothing; no more is read before it goes on"
            );
        }
        self.pauses = pauses;
        self.feed.pause(pauses);
    }
}
