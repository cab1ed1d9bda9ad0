//! Cutting and writing checkpoints.
//!
//! Every checkpoint names a *base*, one segment per lane with all its sessions and waiting events, and the *deltas* since.
//! A new base is cut when the deltas together hold half as many as the base, so recovery reads at most half as much again.

use super::asked::{self, AskedColumn};
use super::growth::Siblings;
use super::zones::{self, ZoneRules};
use super::{Error, LaneOutput, Partition, SourceProgress};
use crate::checkpoint::{Checkpoints, Commit, FileRef, Kind, Manifest, segment};
use crate::damage::{Damage, Lost};
use crate::lane::image::{self, Image};
use crate::measured;
use crate::outputs::Output;
use crate::outputs::alert_changes::Marks;
use crate::outputs::changes::PublishedTotals;
use crate::outputs::outbox::Outbox;
use crate::reach::{self, Reach};
use crate::results::{self, Dropped, Pending, Retention};
use crate::retained::{Fresh, RetainedLog};
use crate::totals::TotalsImage;
use crate::traced;
use crate::watermark::{Silences, UnreadPrefix};
use event_feeder::file::FileTable;
use event_feeder::world::{self, Instant};
use event_feeder::{Gap, Position};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::to_raw_value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use timeline_core::plan::{EndRule, Fingerprint, Plan, RULES};
use timeline_core::{SECOND, Time};

/// Time between two looks at files that are broken: somebody may put them back.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Where the base and the deltas stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut {
    /// Segments in the order in which they are applied.
    pub segments: Vec<FileRef>,
    base_sessions: usize,
    delta_sessions: usize,
    /// Whether there is a base that deltas can go on.
    has_base: bool,
}

impl Cut {
    /// Lets the next checkpoint be a base, for rows have changed that no event has touched.
    pub(super) fn begin_anew(&mut self) {
        self.has_base = false;
    }
}

/// How much later than silence ends a session lanes look at it, at most: a turn of their wheels.
const LOOK_LATEST: Time = 120 * SECOND;

/// What a checkpoint that was written left.
pub(super) struct Committed {
    checkpoints: Checkpoints,
    segments: Vec<FileRef>,
    results: Vec<FileRef>,
    kept: Vec<RetainedLog>,
    outbox: Outbox,
    damage: Damage,
    dropped: Dropped,
    /// Whether what was moved into tables is in it.
    applied: bool,
    /// The files of tables that the kept checkpoints name.
    named: BTreeSet<String>,
    /// Whether files of results lie about that only older checkpoints name.
    lingers: bool,
    epoch: u64,
    /// No checkpoint that is kept needs the log of a source before it.
    needless: Vec<Position>,
    /// Before the swap that made it count.
    before: Instant,
}

/// The caller's facts about a checkpoint, as its manifest holds them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// Meaning of the plan: sources, queries, layout.
    pub plan: String,
    /// The rules by which it was meant.
    #[serde(default = "first_rules")]
    pub rules: u32,
    /// Files of the log.
    pub files: FileTable,
    pub max_time: Option<Time>,
    /// How far silence moved the watermark.
    #[serde(default)]
    pub silences: Silences,
    /// What of the log was lost before it was read, which was accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    pub counts: super::Counts,
    pub totals: TotalsImage,
    /// The logs of the other sources of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Reach>,
    /// What lies before the place from which the log is read.
    #[serde(default, skip_serializing_if = "UnreadPrefix::is_nothing")]
    pub unseen: UnreadPrefix,
    /// Where the logs of all sources are read from, if that is not their start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub begun: Vec<Reach>,
    /// Up to where everything of alerts was told to whoever listens.
    #[serde(default)]
    pub told: Marks,
    /// The totals as they were told last.
    #[serde(default, skip_serializing_if = "PublishedTotals::is_nothing")]
    pub told_totals: PublishedTotals,
    /// The partitions among which keys are shared out.
    #[serde(default, skip_serializing_if = "Siblings::is_unknown")]
    pub siblings: Siblings,
    /// The outputs that are hidden, and have said their last.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub retired: BTreeSet<String>,
    /// The metrics of which history has changes of how many sessions are counted at once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub apart: BTreeSet<String>,
    /// The rules of the time zones that the plan asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<ZoneRules>,
    /// The columns of tables that do not say what they are known as, and what they say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<AskedColumn>,
    /// Files of history that were given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
    /// Rows of history whose time was over.
    #[serde(default, skip_serializing_if = "Dropped::is_empty")]
    pub dropped: Dropped,
}

/// Checkpoints once did not say.
fn first_rules() -> u32 {
    1
}

impl State {
    /// How far the log of each source had been read, for the places of the manifest.
    pub(super) fn reach(&self, places: &[Position]) -> Vec<Reach> {
        let (files, max_time, silences) = (self.files.clone(), self.max_time, self.silences.clone());
        let (position, gaps) = (places.first().copied().unwrap_or_default(), self.gaps.clone());
        let first = Reach { position, files, max_time, silences, gaps, unseen: self.unseen };
        std::iter::once(first).chain(self.joined.iter().cloned()).collect()
    }
}

/// The meaning of a plan, as the digest of its encoding: state of one is never loaded under another.
pub(crate) fn plan_fingerprint(plan: &Plan) -> String {
    Fingerprint::of_text(&plan.encoding()).to_string()
}

impl Partition {
    /// Lets history have what groups of windows came to that get no further value from what happens at `frontier` or later: where
    /// an event ends a window, none of its sessions goes on when silence would have ended it.
    fn take_ended_windows(&mut self, frontier: Time) {
        let EndRule { silence, billed, .. } = self.plan.end;
        let silence = silence.filter(|_| !billed).map_or(0, |length| length.saturating_add(LOOK_LATEST));
        let until = frontier.saturating_sub(silence);
        let parts = self.totals.take_ended(&self.plan, until);
        self.publishing.forget_totals(&self.plan, self.options.part.number, &parts);
        self.pending.parts.extend(parts);
        // Who is told of totals is told of them whole.
        if !self.publishing.tells(Output::Totals) {
            let parts = self.totals.take_changes(&self.plan);
            self.apart.extend(parts.iter().map(|part| part.metric.clone()));
            self.pending.parts.extend(parts);
        }
    }

    /// Cuts all lanes at the present position and lets another thread write what came out. Looks that are to be made first
    /// are waited for.
    pub(super) fn start_commit(&mut self) -> Result<(), Error> {
        if self.checkpoints.is_none() {
            return Ok(());
        }
        if self.survey.is_none() {
            self.begin_survey()?;
        }
        self.is_surveyed(Duration::MAX)?;
        let Some(mut checkpoints) = self.checkpoints.take() else { return Ok(()) };
        let base = !self.cut.has_base || self.cut.delta_sessions * 2 > self.cut.base_sessions;
        let began = Instant::now();
        let span = traced::checkpoint(&self.plan.name(), self.options.part.number);
        let parts = self.pipeline.call(move |lane, progress| {
            let full = base || lane.changed() * 2 > lane.sessions();
            let frontier = lane.frontier(progress.clock());
            (LaneOutput::of(lane), lane.image(full, base), progress.clone(), (lane.held(), frontier), lane.is_behind())
        })?;
        let pause = began.elapsed();
        self.take_decoded();
        self.note_held(parts.iter().map(|(_, _, _, (held, _), _)| held).sum());
        let frontier = parts.iter().map(|(_, _, _, (_, frontier), _)| *frontier).min();
        let (mut images, mut is_behind) = (vec![], false);
        for (told, image, progress, _, behind) in parts {
            self.take_told(told);
            self.take_unseen(&progress);
            images.push(image);
            is_behind |= behind;
        }
        self.look_for_leaps();
        let progress = self.progress();
        for (reading, reached) in self.readings.iter_mut().zip(progress.sources) {
            reading.silence.tidy(reached.max_time.map(|_| reached.log_watermark()));
        }
        let (mut facts, changes, looked) = self.surveyed();
        let labels = self.options.labels.clone();
        self.pending.hide(&self.plan, &labels);
        labels.hide_facts(&self.plan, &mut facts);
        if looked && !is_behind {
            self.take_ended_windows(frontier.unwrap_or(Time::MIN));
        }
        self.dirty = is_behind;
        let mut segments = self.note(&images, base);
        let mut reach = self.reach();
        let position = reach::to_json(&reach);
        let Reach { files, max_time, silences, gaps, unseen, .. } = reach.remove(0);
        let mut state = State {
            plan: plan_fingerprint(&self.plan),
            rules: RULES,
            files,
            max_time,
            silences,
            gaps,
            counts: self.counts,
            totals: self.totals.to_image(&self.plan),
            joined: reach,
            unseen,
            begun: self.begun.clone(),
            told: self.publishing.marks(),
            told_totals: self.publishing.known_totals(&self.plan),
            siblings: self.siblings.clone(),
            retired: self.retired.clone(),
            apart: self.apart.clone(),
            zones: zones::of(&self.plan, max_time),
            tables: asked::of(&self.plan),
            lost: self.damage.lost.clone(),
            dropped: self.dropped.clone(),
        };
        let keep_tables = self.options.history.as_ref().and_then(|history| history.options().keep);
        let now = self.progress().known_watermark();
        let retention = Retention { keep: self.options.keep_results, keep_tables, now };
        let (moved, passage) = (self.mover.moved(), self.mover.passage());
        let last = std::mem::take(&mut self.last);
        self.note_broken();
        let (mut damage, folder) = (self.damage.clone(), self.options.folder.clone());
        let looks_again = self.damage_looked.elapsed() >= LOOK_AGAIN;
        if looks_again {
            self.damage_looked = Instant::now();
        }
        let pending = Arc::new(std::mem::take(&mut self.pending));
        let (plan, results) = (self.plan.clone(), self.results.clone());
        let (told, reader, number) = (Arc::clone(&pending), self.reader.clone(), self.options.part.number);
        let cut = |SourceProgress { keeping, position, max_time, .. }: &mut SourceProgress| {
            let fresh = keeping.cut(position.of(0), *max_time);
            (keeping.kept.clone(), fresh, keeping.keep)
        };
        let keeping: Vec<(RetainedLog, Fresh, Time)> = self.readings.iter_mut().map(cut).collect();
        let mut outbox = self.publishing.cut();
        let (done, receiver) = channel();
        let work = span.clone();
        let write = move || {
            let known = segments.len();
            for (lane, image) in images.iter().enumerate() {
                segments.push(put(&checkpoints, lane, image)?);
            }
            if looks_again {
                let files: Vec<FileRef> =
                    results.iter().chain(keeping.iter().flat_map(|(kept, ..)| kept.files())).cloned().collect();
                damage.look_again(&folder, &files, &reader);
            }
            if reader.is_local() {
                damage.compare_one(&folder, &results, &reader);
            }
            let putter = checkpoints.putter();
            let whose = (&*plan, number, &labels);
            let mut write = |pending: &Pending, results| {
                let ages = (retention, &mut state.dropped);
                results::write((&putter, &reader), whose, pending, results, (&folder, &mut damage), ages, &passage)
            };
            let moved = moved.and_then(|moved| moved.apply(&results));
            let applied = moved.is_some();
            let mut results = write(&told, moved.unwrap_or(results))?;
            if !last.is_empty() {
                // Rows only: what is not final is not published.
                results = write(&last, results)?;
            }
            let mut kept = vec![];
            for (mut own, fresh, keep) in keeping {
                own.write((&putter, &reader), fresh, keep, (&folder, &mut damage))?;
                kept.push(own);
            }
            outbox.add(&putter, &reader, &plan, (&told, &facts, &changes))?;
            let files =
                segments.iter().chain(&results).chain(kept.iter().flat_map(RetainedLog::files)).chain(outbox.files());
            let commit = Commit {
                position,
                state: to_raw_value(&state).expect("a checkpoint's facts are plain data"),
                files: files.cloned().collect(),
            };
            let before = Instant::now();
            let files = commit.files.len();
            let epoch = checkpoints.commit(commit)?;
            let bytes = segments.iter().skip(known).map(|file| file.length).sum();
            let pause_ms = pause.as_secs_f64() * 1e3;
            traced::committed(&work, &traced::Committed { epoch, bytes, files, pause_ms });
            checkpoints.collect()?;
            // A checkpoint of other queries may be further on in the log than this one.
            let positions = checkpoints.kept().map(|kept| positions(&kept.position, "a kept manifest"));
            let positions = positions.collect::<Result<Vec<_>, _>>()?;
            let of =
                |source: usize| positions.iter().map(move |all| all.get(source).copied().unwrap_or_default().of(0));
            let needless = (0..kept.len()).map(|source| of(source).min().unwrap_or(Position::START)).collect();
            let lingers = lingers(checkpoints.kept());
            let files = checkpoints.kept().flat_map(|kept| &kept.files);
            let named = files.filter(|file| file.kind == Kind::History).map(|file| file.name.clone()).collect();
            measured::checkpoint(&plan.name(), number, (pause, began.elapsed()));
            let dropped = state.dropped;
            Ok(Committed {
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
        };
        world::thread("checkpoint")
            // The loop waits for every checkpoint before it ends, so somebody hears.
            .spawn(move || drop(done.send(traced::within(&span, write))))
            .expect("the system can start a thread");
        self.committing = Some((pending, receiver));
        Ok(())
    }

    /// Takes a checkpoint that has been written; waits for it if `wait`.
    pub(super) fn finish_commit(&mut self, wait: bool) -> Result<(), Error> {
        let Some((pending, receiver)) = self.committing.take() else { return Ok(()) };
        let result = if wait { receiver.recv().ok() } else { receiver.try_recv().ok() };
        match result {
            Some(Ok(committed)) => {
                tracing::debug!(
                    epoch = committed.epoch,
                    position = reach::to_text(&self.plan, &self.reach()),
                    "checkpoint"
                );
                self.epoch = committed.epoch;
                for (source, (kept, needless)) in committed.kept.into_iter().zip(committed.needless).enumerate() {
                    self.feed.source(source).committed(needless);
                    self.readings[source].keeping.kept = kept;
                }
                self.proven = self.proven.max(committed.before);
                self.cut.segments = committed.segments;
                self.results = committed.results;
                self.dropped = committed.dropped;
                self.mover.committed(committed.applied, &self.results, &committed.named);
                self.lingers = committed.lingers;
                // What questions found meanwhile is known already.
                let mut damage = committed.damage;
                let files: Vec<&FileRef> = self.results.iter().chain(self.kept_files()).collect();
                damage.note_broken(&self.options.folder, &files, &self.reader);
                self.damage.renew(damage).iter().for_each(|said| tracing::warn!("{said}"));
                self.publishing.committed(committed.outbox);
                self.publishing.renew(self.proven);
                self.checkpoints = Some(committed.checkpoints);
                Ok(())
            }
            Some(Err(error)) => Err(error),
            None if wait => Err(Error::Worker(crate::pipeline::LaneLost)),
            None => {
                self.committing = Some((pending, receiver));
                Ok(())
            }
        }
    }

    /// Keeps the books on base and deltas; returns the segments that still count beside the new ones.
    fn note(&mut self, images: &[Image], base: bool) -> Vec<FileRef> {
        let sessions: usize = images.iter().map(|image| image.sessions).sum();
        if base {
            self.cut.base_sessions = sessions;
            self.cut.delta_sessions = 0;
            self.cut.has_base = true;
            vec![]
        } else {
            self.cut.delta_sessions += sessions;
            self.cut.segments.clone()
        }
    }
}

/// Whether checkpoints that can be fallen back to name files of results that the newest one has put together: whoever
/// reads all files of the folder counts their rows twice, so a few more checkpoints let them go.
pub(super) fn lingers<'a>(mut kept: impl Iterator<Item = &'a Manifest>) -> bool {
    let Some(newest) = kept.next() else { return false };
    let mut results = kept.flat_map(|older| &older.files).filter(|file| file.kind == Kind::Result);
    results.any(|file| !newest.files.iter().any(|named| named.name == file.name))
}

fn put(checkpoints: &Checkpoints, lane: usize, image: &Image) -> Result<FileRef, Error> {
    let bytes = segment::encode(&image::schema(), std::slice::from_ref(&image.batch))
        .map_err(|error| Error::Malformed { object: "a new segment".into(), reason: error.to_string() })?;
    let metadata = json!({ "lane": lane, "full": image.full, "sessions": image.sessions });
    Ok(checkpoints.put(Kind::Segment, "lane", &bytes, metadata)?)
}

/// The places of a checkpoint, one for each source.
pub(super) fn positions(value: &serde_json::Value, object: &str) -> Result<Vec<Position>, Error> {
    reach::from_json(value).map_err(|error| Error::Malformed { object: object.into(), reason: error.to_string() })
}
