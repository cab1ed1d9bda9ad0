//! Cutting checkpoints, and taking note of those that were written.
//!
//! Every checkpoint names a *base*, one segment per lane with all its sessions and waiting events, and the *deltas* since.
//! A new base is cut when the deltas together hold half as many as the base, so recovery reads at most half as much again.

use super::answering::LaneOutput;
use super::asked;
use super::committed::Writing;
use super::keeping::KeepingCut;
use super::state::{State, plan_fingerprint};
use super::survey::Findings;
use super::writing::{CheckpointCut, WrittenCheckpoint};
use super::{Error, Partition, zones};
use crate::checkpoint::FileRef;
use crate::lane::image::{ImageParts, ImageSize};
use crate::lane::{Lane, YieldAfter};
use crate::log_position::{self, LogPosition};
use crate::pipeline::{Coming, LaneLost};
use crate::results::Retention;
use crate::traced;
use crate::watermark::PartitionProgress;
use event_feeder::world::{self, Instant};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use timeline_core::Time;
use timeline_core::plan::RULES;

/// What a lane was at a barrier.
struct LaneCut {
    output: LaneOutput,
    size: ImageSize,
    progress: PartitionProgress,
    /// How many events wait in it.
    held: u64,
    frontier: Time,
    is_behind: bool,
}

/// What all lanes were at a barrier.
struct LaneImages {
    /// Of each lane.
    sizes: Vec<ImageSize>,
    /// They take them while they go on.
    images: Coming<ImageParts>,
    is_base: bool,
    /// Nothing before it happens any more in any lane.
    frontier: Option<Time>,
    /// Whether some lane has yet to do some of what it was fed.
    is_behind: bool,
    /// When the lanes were asked.
    began: Instant,
    /// How long they stood still.
    pause: Duration,
}

impl Partition {
    /// Cuts all lanes at the present position and lets another thread write what came out. Looks that are to be made first
    /// are waited for.
    pub(super) fn start_commit(&mut self) -> Result<(), Error> {
        if self.committed.checkpoints.is_none() {
            return Ok(());
        }
        if self.survey.is_none() {
            self.begin_survey()?;
        }
        self.is_surveyed(Duration::MAX)?;
        let Some(checkpoints) = self.committed.checkpoints.take() else { return Ok(()) };
        let span = traced::checkpoint(&self.plan.name(), self.options.part.number);
        let LaneImages { sizes, images, is_base, frontier, is_behind, began, pause } = self.image_lanes()?;
        let Findings { mut alerts, totals, is_all_told } = self.surveyed();
        let labels = self.options.labels.clone();
        self.gathered.pending.hide(&self.plan, &labels);
        alerts.hide(&self.plan, &labels);
        if is_all_told && !is_behind {
            let (partition, frontier) = (self.options.part.number, frontier.unwrap_or(Time::MIN));
            self.gathered.take_ended_windows(&self.plan, partition, frontier, &mut self.publishing);
        }
        self.dirty = is_behind;
        let segments = self.committed.segments.note(&sizes, is_base);
        let reach = self.ingest.reach();
        let position = log_position::to_json(&reach);
        let state = self.state(reach);
        self.note_broken();
        let pending = Arc::new(std::mem::take(&mut self.gathered.pending));
        let cut = CheckpointCut {
            plan: Arc::clone(&self.plan),
            partition: self.options.part.number,
            folder: self.options.folder.clone(),
            labels,
            checkpoints,
            reader: self.committed.reader.clone(),
            position,
            state,
            sizes,
            images,
            segments,
            results: self.committed.results.clone(),
            pending: Arc::clone(&pending),
            last: std::mem::take(&mut self.gathered.last),
            kept: self.ingest.sources.iter_mut().map(KeepingCut::of).collect(),
            outbox: self.publishing.cut(),
            alerts,
            totals,
            moved: self.mover.moved(),
            passage: self.mover.passage(),
            retention: self.retention(),
            looks_again: self.committed.looks_again(),
            damage: self.committed.damage.clone(),
            began,
            pause,
            span: span.clone(),
        };
        let (done, result) = channel();
        world::thread("checkpoint")
            // The loop waits for every checkpoint before it ends, so somebody hears.
            .spawn(move || drop(done.send(traced::within(&span, || cut.write()))))
            .expect("the system can start a thread");
        self.committed.writing = Some(Writing { pending, result });
        Ok(())
    }

    /// Lets all lanes come to a barrier and takes what they are there, with all that they have told before it.
    fn image_lanes(&mut self) -> Result<LaneImages, Error> {
        let is_base = self.committed.segments.is_base_due();
        let began = Instant::now();
        let parts = self.pipeline.call(move |lane, progress| {
            let full = is_base || lane.changed() * 2 > lane.sessions();
            let frontier = lane.frontier(progress.clock());
            let (output, size) = (LaneOutput::of(lane), lane.begin_image(full, is_base));
            let (held, is_behind) = (lane.held(), lane.is_behind());
            LaneCut { output, size, progress: progress.clone(), held, frontier, is_behind }
        })?;
        let piece =
            |lane: &mut Lane, _: &PartitionProgress, (): &mut (), length| lane.image_some(YieldAfter::After(length));
        // Who writes the checkpoint waits for them: nobody leaves an image.
        let images = self.pipeline.work_beside(|_, _| (), piece, |_, ()| {})?;
        let pause = began.elapsed();
        self.take_decoded();
        self.ingest.note_held(&self.plan, parts.iter().map(|lane| lane.held).sum());
        let frontier = parts.iter().map(|lane| lane.frontier).min();
        let is_behind = parts.iter().any(|lane| lane.is_behind);
        let mut sizes = vec![];
        for LaneCut { output, size, progress, .. } in parts {
            self.take_output(output);
            self.ingest.take_unseen(&progress);
            sizes.push(size);
        }
        self.look_for_leaps();
        self.ingest.tidy_silences(&self.plan);
        Ok(LaneImages { sizes, images, is_base, frontier, is_behind, began, pause })
    }

    /// The facts of a checkpoint at the places to which the logs have been read.
    fn state(&self, mut reach: Vec<LogPosition>) -> State {
        let LogPosition { files, max_time, silences, gaps, unseen, preceding, .. } = reach.remove(0);
        State {
            plan: plan_fingerprint(&self.plan),
            rules: RULES,
            files,
            max_time,
            silences,
            gaps,
            preceding,
            counts: self.gathered.counts,
            totals: self.gathered.totals.to_image(&self.plan),
            joined: reach,
            unseen,
            begun: self.ingest.begun.clone(),
            told: self.publishing.marks(),
            told_totals: self.publishing.known_totals(&self.plan),
            siblings: self.ingest.siblings.clone(),
            retired: self.gathered.retired.clone(),
            apart: self.gathered.apart.clone(),
            zones: zones::of(&self.plan, max_time),
            tables: asked::of(&self.plan),
            lost: self.committed.damage.lost.clone(),
            columns: self.ingest.columns_seen(),
            met: Some(self.ingest.needs_met()),
            dropped: self.committed.dropped.clone(),
        }
    }

    /// How long rows of history are kept, by the time of events.
    fn retention(&self) -> Retention {
        Retention {
            keep: self.options.keep_results,
            keep_tables: self.options.history.as_ref().and_then(|history| history.options().keep),
            now: self.ingest.progress(&self.plan).known_watermark(),
        }
    }

    /// Takes a checkpoint that has been written; waits for it if `wait`.
    pub(super) fn finish_commit(&mut self, wait: bool) -> Result<(), Error> {
        let Some(Writing { pending, result: receiver }) = self.committed.writing.take() else { return Ok(()) };
        let result = if wait { receiver.recv().ok() } else { receiver.try_recv().ok() };
        match result {
            Some(written) => {
                self.take_written(written?);
                Ok(())
            }
            None if wait => Err(Error::LaneThread(LaneLost)),
            None => {
                self.committed.writing = Some(Writing { pending, result: receiver });
                Ok(())
            }
        }
    }

    /// A checkpoint counts from now on.
    fn take_written(&mut self, written: WrittenCheckpoint) {
        tracing::debug!(
            epoch = written.epoch,
            position = log_position::to_text(&self.plan, &self.ingest.reach()),
            "checkpoint"
        );
        for (source, (kept, needless)) in written.kept.into_iter().zip(written.needless).enumerate() {
            self.ingest.feed.source(source).committed(needless);
            self.ingest.sources[source].keeping.kept = kept;
        }
        let committed = &mut self.committed;
        committed.epoch = written.epoch;
        committed.proven = committed.proven.max(written.before);
        committed.segments.files = written.segments;
        committed.results = written.results;
        committed.dropped = written.dropped;
        committed.lingers = written.lingers;
        self.mover.committed(written.applied, &committed.results, &written.named);
        // What questions found meanwhile is known already.
        let mut damage = written.damage;
        let files: Vec<&FileRef> = committed.results.iter().chain(self.ingest.kept_files()).collect();
        damage.note_broken(&self.options.folder, &files, &committed.reader);
        committed.damage.renew(damage).iter().for_each(|said| tracing::warn!("{said}"));
        committed.checkpoints = Some(written.checkpoints);
        self.publishing.committed(written.outbox);
        self.publishing.renew(self.committed.proven);
    }
}
