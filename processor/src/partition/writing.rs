//! A checkpoint on its way to the store: a thread of its own writes what was cut while the lanes go on.
//!
//! **Invariant:** everything is written that a checkpoint names before the swap of the head that makes it count; an error
//! before that leaves files that nobody names, and no doubt about what is committed.

use super::Error;
use super::keeping::KeepingCut;
use super::state::{State, places};
use crate::checkpoint::{CheckpointReader, Checkpoints, Commit, FileKind, FileRef, Manifest, segment};
use crate::damage::Damage;
use crate::history::moving::HistoryMoved;
use crate::labels::Labels;
use crate::lane::image::{self, ImageParts, ImageSize};
use crate::measured;
use crate::outputs::OutputMessage;
use crate::outputs::alert_changes::AlertChanges;
use crate::outputs::outbox::Outbox;
use crate::pipeline::Coming;
use crate::results::{HistoryHandover, HistoryWriter, Pending, Retention, RetentionCounts};
use crate::retained::RetainedLog;
use crate::traced;
use event_feeder::Position;
use event_feeder::world::Instant;
use serde_json::json;
use serde_json::value::to_raw_value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use timeline_core::plan::Plan;
use tracing::Span;

/// All that a checkpoint is made of, as it was at one position of the logs.
pub(super) struct CheckpointCut {
    pub plan: Arc<Plan>,
    /// The number of the partition.
    pub partition: u32,
    pub folder: String,
    pub labels: Labels,
    pub checkpoints: Checkpoints,
    pub reader: CheckpointReader,
    /// The places of the logs, as the manifest holds them.
    pub position: serde_json::Value,
    pub state: State,
    /// Of each lane, what its image holds.
    pub sizes: Vec<ImageSize>,
    /// The images, which lanes take while they go on.
    pub images: Coming<ImageParts>,
    /// The segments that count beside them.
    pub segments: Vec<FileRef>,
    /// Files of history, as of the last checkpoint.
    pub results: Vec<FileRef>,
    /// Rows of history that are new.
    pub pending: Arc<Pending>,
    /// Rows of outputs that are hidden from now on. They are not final, so they are not published.
    pub last: Pending,
    /// Of each source.
    pub kept: Vec<KeepingCut>,
    pub outbox: Outbox,
    /// What is to be told of alerts.
    pub alerts: AlertChanges,
    /// The totals that are to be told.
    pub totals: Vec<OutputMessage>,
    /// What was moved into tables.
    pub moved: Option<Arc<HistoryMoved>>,
    pub passage: HistoryHandover,
    pub retention: Retention,
    pub damage: Damage,
    /// Whether files that are broken are looked at again.
    pub looks_again: bool,
    /// When the lanes were asked.
    pub began: Instant,
    /// How long they stood still.
    pub pause: Duration,
    pub span: Span,
}

/// What a checkpoint that was written left.
pub(super) struct WrittenCheckpoint {
    pub checkpoints: Checkpoints,
    pub segments: Vec<FileRef>,
    pub results: Vec<FileRef>,
    /// Of each source.
    pub kept: Vec<RetainedLog>,
    pub outbox: Outbox,
    pub damage: Damage,
    pub dropped: RetentionCounts,
    /// Whether what was moved into tables is in it.
    pub applied: bool,
    /// The files of tables that the kept checkpoints name.
    pub named: BTreeSet<String>,
    /// Whether files of results lie about that only older checkpoints name.
    pub lingers: bool,
    pub epoch: u64,
    /// No checkpoint that is kept needs the log of a source before it.
    pub needless: Vec<Position>,
    /// Before the swap that made it count.
    pub before: Instant,
}

impl CheckpointCut {
    /// Writes and commits it.
    pub(super) fn write(mut self) -> Result<WrittenCheckpoint, Error> {
        let known = self.segments.len();
        self.images.wait(None)?;
        for (lane, (size, image)) in self.sizes.iter().zip(self.images.take_done()).enumerate() {
            self.segments.push(put(&self.checkpoints, lane, *size, image)?);
        }
        self.look_at_damage();
        let (results, applied) = self.write_history()?;
        let kept = self.write_kept()?;
        let putter = self.checkpoints.putter();
        self.outbox.add(&putter, &self.reader, &self.plan, &self.pending, &self.alerts, &self.totals)?;
        let CheckpointCut { mut checkpoints, segments, outbox, damage, state, .. } = self;
        let kept_files = kept.iter().flat_map(RetainedLog::files);
        let files = segments.iter().chain(&results).chain(kept_files).chain(outbox.files());
        let commit = Commit {
            position: self.position,
            state: to_raw_value(&state).expect("a checkpoint's facts are plain data"),
            files: files.cloned().collect(),
        };
        let before = Instant::now();
        let files = commit.files.len();
        let epoch = checkpoints.commit(commit)?;
        let bytes = segments.iter().skip(known).map(|file| file.length).sum();
        let pause_ms = self.pause.as_secs_f64() * 1e3;
        traced::committed(&self.span, &traced::CheckpointTrace { epoch, bytes, files, pause_ms });
        checkpoints.collect()?;
        let needless = needless(&checkpoints, kept.len())?;
        let lingers = lingers(checkpoints.kept());
        let files = checkpoints.kept().flat_map(|kept| &kept.files);
        let named = files.filter(|file| file.kind == FileKind::History).map(|file| file.name.clone()).collect();
        measured::checkpoint(&self.plan.name(), self.partition, self.pause, self.began.elapsed());
        let dropped = state.dropped;
        Ok(WrittenCheckpoint {
            checkpoints,
            segments,
            results,
            kept,
            outbox,
            damage,
            dropped,
            applied,
            named,
            lingers,
            epoch,
            needless,
            before,
        })
    }

    /// Looks at files that are broken, now and then, and at one more that may be.
    fn look_at_damage(&mut self) {
        if self.looks_again {
            let kept = self.kept.iter().flat_map(|kept| kept.log.files());
            let files: Vec<FileRef> = self.results.iter().chain(kept).cloned().collect();
            self.damage.look_again(&self.folder, &files, &self.reader);
        }
        if self.reader.is_local() {
            self.damage.compare_one(&self.folder, &self.results, &self.reader);
        }
    }

    /// Writes the rows that are new: all files of history, and whether what was moved into tables is among them.
    fn write_history(&mut self) -> Result<(Vec<FileRef>, bool), Error> {
        let putter = self.checkpoints.putter();
        let moved = self.moved.as_ref().and_then(|moved| moved.apply(&self.results));
        let applied = moved.is_some();
        let files = moved.unwrap_or_else(|| std::mem::take(&mut self.results));
        let mut history = HistoryWriter {
            putter: &putter,
            reader: &self.reader,
            plan: &self.plan,
            partition: self.partition,
            labels: &self.labels,
            folder: &self.folder,
            damage: &mut self.damage,
            retention: self.retention,
            dropped: &mut self.state.dropped,
            passage: &self.passage,
        };
        let mut results = history.write(&self.pending, files)?;
        if !self.last.is_empty() {
            results = history.write(&self.last, results)?;
        }
        Ok((results, applied))
    }

    /// Writes the events of live logs that are new and are kept.
    fn write_kept(&mut self) -> Result<Vec<RetainedLog>, Error> {
        let putter = self.checkpoints.putter();
        let mut all = vec![];
        for KeepingCut { mut log, fresh, keep } in std::mem::take(&mut self.kept) {
            log.write(&putter, &self.reader, fresh, keep, &self.folder, &mut self.damage)?;
            all.push(log);
        }
        Ok(all)
    }
}

/// Of each source: no checkpoint that is kept needs its log before that.
fn needless(checkpoints: &Checkpoints, sources: usize) -> Result<Vec<Position>, Error> {
    // A checkpoint of other queries may be further on in the log than this one.
    let all = checkpoints.kept().map(places).collect::<Result<Vec<_>, _>>()?;
    let of = |source: usize| all.iter().map(move |places| places.get(source).copied().unwrap_or_default().of(0));
    Ok((0..sources).map(|source| of(source).min().unwrap_or(Position::START)).collect())
}

/// Whether checkpoints that can be fallen back to name files of results that the newest one has put together: whoever
/// reads all files of the folder counts their rows twice, so a few more checkpoints let them go.
pub(super) fn lingers<'a>(mut kept: impl Iterator<Item = &'a Manifest>) -> bool {
    let Some(newest) = kept.next() else { return false };
    let mut results = kept.flat_map(|older| &older.files).filter(|file| file.kind == FileKind::Result);
    results.any(|file| !newest.files.iter().any(|named| named.name == file.name))
}

fn put(checkpoints: &Checkpoints, lane: usize, size: ImageSize, image: ImageParts) -> Result<FileRef, Error> {
    let bytes = segment::encode(&image::schema(), &[image.into_batch()])
        .map_err(|error| Error::Malformed { object: "a new segment".into(), reason: error.to_string() })?;
    let metadata = json!({ "lane": lane, "full": size.full, "sessions": size.sessions });
    Ok(checkpoints.put(FileKind::Segment, "lane", &bytes, metadata)?)
}
