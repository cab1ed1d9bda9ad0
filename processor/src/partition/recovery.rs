//! Opening a partition: from its newest whole checkpoint, or from the start of its log.

use super::answering::Questions;
use super::committed::{Committed, Segments};
use super::damaged::{UsableFiles, settle};
use super::gathered::Gathered;
use super::history::PartitionHistory;
use super::ingest::Ingest;
use super::publishing::PartitionOutputs;
use super::siblings::Siblings;
use super::state::{State, facts, places};
use super::writing::lingers;
use super::{
    Counts, DeploymentStart, Error, LOOK_UP, Options, Partition, PartitionHandle, beginning, growth, keeping,
    read_ahead, zones,
};
use crate::checkpoint::{
    CheckpointReader, Checkpoints, FileKind, FileRef, Finding, Manifest, Opened, WriterIdentity, segment,
};
use crate::input::{LogPartition, StartPosition};
use crate::lane::{Lane, image};
use crate::log_position::LogPosition;
use crate::outputs::OutputKind;
use crate::pipeline::{Pipeline, SourceStart};
use crate::retained::RetainedLog;
use crate::totals::MetricTotals;
use event_feeder::world::Instant;
use event_feeder::{Position, Source};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::plan::{Plan, RULES};

/// How a partition came up.
#[derive(Debug)]
pub struct Recovery {
    /// The epoch that it went on from; `None` for a new one.
    pub epoch: Option<u64>,
    /// Whether the queries are others than those of the checkpoint, so that the log is read again from its start.
    pub rebuilt: bool,
    /// Whether it was the rules of the language that changed.
    pub older_rules: bool,
    /// What was found broken or suspicious on the way.
    pub findings: Vec<Finding>,
    /// What is to be said of files beside the state, each once.
    pub said: Vec<String>,
}

impl Partition {
    /// Takes the partition over and loads its state.
    pub fn open(plan: Arc<Plan>, mut options: Options) -> Result<(Self, Recovery), Error> {
        let identity = WriterIdentity { partition: identity(&plan, &options.part), writer: options.writer.clone() };
        if options.begun.is_lost(&options.folder, &*options.store)? {
            return Err(Error::Gone { folder: options.folder.clone() });
        }
        let proven = Instant::now();
        let opened = Checkpoints::claim(Arc::clone(&options.store), &identity, &options.take)?;
        let Opened { checkpoints, recovered, findings, damaged, .. } = opened;
        options.begun.note(&options.folder)?;
        let reader = CheckpointReader::new(Arc::clone(&options.store));
        let found = recovered.as_ref().map(|manifest| Found::of(&plan, manifest)).transpose()?;
        let mut settled = match &found {
            None => UsableFiles::default(),
            Some(found) => settle(&options, found.manifest, &damaged, found.state.lost.clone(), &reader)?,
        };
        let same = found.as_ref().filter(|found| found.is_same);
        // Outputs that were hidden since the last checkpoint have yet to say their last.
        let labels = options.labels.clone();
        let retired = same.map_or_else(|| labels.hidden.clone(), |found| found.state.retired.clone());
        options.labels.hidden.clone_from(&retired);
        let recovery = Recovery {
            epoch: recovered.as_ref().map(|manifest| manifest.epoch),
            rebuilt: found.is_some() && same.is_none(),
            older_rules: found.as_ref().is_some_and(|found| found.state.rules != RULES),
            findings,
            said: std::mem::take(&mut settled.said)
                .into_iter()
                .chain(same.into_iter().flat_map(|found| zones::changed(&found.state.zones)))
                .collect(),
        };
        let same = same.filter(|_| !settled.remake);
        if same.is_none() {
            settled.read_again();
        }
        let start = Start::of(&plan, &options, found.as_ref(), same.is_some(), &settled.files, &checkpoints, &reader)?;
        let Start { loaded, kept, begun, siblings, files, is_new_now, is_copied } = start;
        let Loaded { sources, lanes, reach, counts, totals, results } = loaded;
        let dropped = same.map(|found| found.state.dropped.clone()).unwrap_or_default();
        let apart = same.map(|found| found.state.apart.clone()).unwrap_or_default();
        // Where it is not known what there was, nothing is said to be missing.
        let seen = same.map_or((0, 0), |found| (found.state.columns, found.state.met.unwrap_or(u64::MAX)));
        say_apart(&options, &apart);
        // What was to be published still is, whatever the queries are now.
        let told = found.as_ref().map(|found| (found.state.told.clone(), found.state.told_totals.clone()));
        let (marks, known_totals) = told.unwrap_or_default();
        let publishing = PartitionOutputs::open(&plan, &options, &files, &marks, &known_totals, proven);
        let begins: Vec<SourceStart> = reach.iter().map(source_start).collect();
        // A rebuilt partition makes a checkpoint even if its log is empty now, and so does one whose files lie elsewhere.
        let dirty = recovery.rebuilt || settled.remake || is_copied || are_elsewhere(&sources, &reach);
        let is_settled = settled.is_changed;
        let (handle, requests) = PartitionHandle::new(Arc::clone(&options.store));
        let mut partition = Partition {
            ingest: Ingest::open(&plan, &options, sources, reach, kept, begun, siblings),
            pipeline: Pipeline::start(&plan, lanes, &begins, None),
            requests,
            handle,
            publishing,
            gathered: Gathered { retired, apart, ..Gathered::new(counts, totals) },
            mover: PartitionHistory::of(options.history.clone(), plan.name(), options.part.number),
            committed: Committed {
                epoch: checkpoints.epoch(),
                lingers: lingers(checkpoints.kept()),
                owner_look: checkpoints.owner_look(),
                checkpoints: Some(checkpoints),
                reader,
                proven,
                // Lanes may be others than those of the segments, so the first checkpoint is a base.
                segments: Segments::default(),
                results,
                dropped,
                damage: settled.damage,
                damage_looked: Instant::now(),
                writing: None,
            },
            questions: Questions::default(),
            survey: None,
            dirty,
            plan,
            options,
        };
        partition.ingest.note_seen(&partition.plan, seen);
        partition.pipeline.yield_after(LOOK_UP)?;
        if is_new_now || is_settled {
            // Where it begins, and what was given up, is durable before anything that follows from it is shown.
            partition.start_commit()?;
            partition.finish_commit(true)?;
        }
        partition.relabel(labels)?;
        Ok((partition, recovery))
    }
}

/// What the last checkpoint says.
struct Found<'a> {
    manifest: &'a Manifest,
    state: State,
    /// The places of the logs, one for each source.
    read: Vec<Position>,
    /// Whether it is of the plan that is opened.
    is_same: bool,
}

impl<'a> Found<'a> {
    fn of(plan: &Plan, manifest: &'a Manifest) -> Result<Self, Error> {
        let (state, read) = (facts(manifest)?, places(manifest)?);
        let is_same = state.is_of(plan, &read);
        Ok(Found { manifest, state, read, is_same })
    }
}

/// The logs of a partition that is being opened, one for each source.
struct Logs<'a> {
    plan: &'a Plan,
    options: &'a Options,
    reader: &'a CheckpointReader,
    /// Events of live logs that are kept.
    kept: &'a [RetainedLog],
    /// Up to where they were read.
    read: &'a [Position],
    /// What was known of them by then.
    known: &'a [LogPosition],
    /// Whether the log may hold on to whoever read it just before.
    is_patient: bool,
}

impl Logs<'_> {
    /// Opens all of them; behind those places if they are `resumed`, and at their starts otherwise.
    fn open(&self, from: &[LogPosition], resumed: bool) -> Result<Vec<Box<dyn Source>>, Error> {
        from.iter().enumerate().map(|(source, from)| self.open_one(source, from, resumed)).collect()
    }

    fn open_one(&self, source: usize, from: &LogPosition, resumed: bool) -> Result<Box<dyn Source>, Error> {
        let Logs { plan, options, reader, kept, known, is_patient, .. } = *self;
        let place = StartPosition { position: from.position.of(0), files: from.files.clone() };
        if options.log.is_live() {
            let gaps = known.get(source).map_or(&[][..], |known| &known.gaps);
            let open = || keeping::open(options, plan, source, place.position, &kept[source], gaps, reader);
            return if is_patient { read_ahead::patient(open) } else { open() };
        }
        Ok(options.log.open(&options.part, plan, source, Some(&place).filter(|_| resumed))?)
    }

    /// Whether all that was read since those places can be read again.
    fn are_whole(&self, from: &[LogPosition]) -> bool {
        let is_kept = |((from, read), kept): ((&LogPosition, &Position), &RetainedLog)| {
            kept.is_whole(from.position.of(0), read.of(0))
        };
        !self.options.log.is_live() || from.iter().zip(self.read).zip(self.kept).all(is_kept)
    }

    fn lanes(&self) -> usize {
        self.options.threads.max(1)
    }
}

/// From where, and with what, a partition goes on.
struct Start {
    loaded: Loaded,
    /// Events of live logs that are kept, of each source.
    kept: Vec<RetainedLog>,
    /// Where the logs are read from, if that is not their start.
    begun: Vec<LogPosition>,
    siblings: Siblings,
    /// The files that it goes on with.
    files: Vec<FileRef>,
    /// Whether it begins where the logs end now.
    is_new_now: bool,
    /// Whether it begins with the kept events of another reading.
    is_copied: bool,
}

impl Start {
    /// Goes on from what was `found`, if it `resumes`, and reads the logs again from where they begin otherwise.
    fn of(
        plan: &Arc<Plan>,
        options: &Options,
        found: Option<&Found<'_>>,
        resumes: bool,
        files: &[FileRef],
        checkpoints: &Checkpoints,
        reader: &CheckpointReader,
    ) -> Result<Start, Error> {
        let copied = match (found, options.begins) {
            (None, DeploymentStart::Start) => read_ahead::copy(plan, options, &checkpoints.putter())?,
            (None, DeploymentStart::Now) | (Some(_), _) => None,
        };
        let files = copied.as_ref().map_or(files, |copied| &copied.files);
        let sources = 0..plan.sources().count() as u8;
        let kept = sources.map(|source| RetainedLog::of(files, source)).collect::<Result<Vec<_>, _>>()?;
        // What was decided about the log stays decided when it is read again.
        let (read, known): (Vec<Position>, Vec<LogPosition>) = match (&copied, found) {
            (Some(copied), _) => (copied.reach.iter().map(|reach| reach.position).collect(), copied.reach.clone()),
            (None, Some(found)) => (found.read.clone(), found.state.reach(&found.read)),
            (None, None) => (vec![], vec![]),
        };
        let is_patient = copied.is_some();
        let logs = Logs { plan, options, reader, kept: &kept, read: &read, known: &known, is_patient };
        let begun = found.map(|found| found.state.begun.clone()).unwrap_or_default();
        let is_new_now = options.begins == DeploymentStart::Now && found.is_none();
        let mut loaded = match found.filter(|_| resumes) {
            Some(found) => Loaded::resumed(plan, &logs, found, files)?,
            None if is_new_now => Loaded::at_the_end(plan, &logs)?,
            None => Loaded::again(plan, &logs, &begun, found.map_or(RULES, |found| found.state.rules))?,
        };
        let before = found.map(|found| &found.state).or(copied.as_ref().map(|copied| &copied.state));
        let siblings = before.map(|state| state.siblings.clone()).unwrap_or_default();
        if before.is_none() && growth::is_of_growth(options)? {
            growth::begin_split(&mut loaded.reach);
        }
        let begun = if is_new_now { loaded.reach.clone() } else { begun };
        Ok(Start { loaded, begun, siblings, files: files.to_vec(), is_new_now, is_copied: is_patient, kept })
    }
}

/// The logs and lanes that a partition goes on with.
struct Loaded {
    sources: Vec<Box<dyn Source>>,
    lanes: Vec<Lane>,
    /// Of each source.
    reach: Vec<LogPosition>,
    counts: Counts,
    totals: MetricTotals,
    results: Vec<FileRef>,
}

impl Loaded {
    /// With a checkpoint of the same plan.
    fn resumed(plan: &Arc<Plan>, logs: &Logs<'_>, found: &Found<'_>, files: &[FileRef]) -> Result<Loaded, Error> {
        let reach = found.state.reach(&found.read);
        Ok(Loaded {
            sources: logs.open(&reach, true)?,
            lanes: load(plan, logs.lanes(), found.manifest, logs.reader)?,
            reach,
            counts: found.state.counts,
            totals: MetricTotals::from_image(plan, found.state.totals.clone()),
            results: files.iter().filter(|file| file.kind.is_result()).cloned().collect(),
        })
    }

    /// With what comes from now on.
    fn at_the_end(plan: &Arc<Plan>, logs: &Logs<'_>) -> Result<Loaded, Error> {
        let mut sources = logs.open(&LogPosition::starts(plan), false)?;
        let reach = beginning::at_the_end(plan, &mut sources)?;
        Ok(Loaded::empty(plan, logs, sources, reach))
    }

    /// With the logs from where they begin, which is their start unless something else was said (`begun`); refused where that
    /// is not kept. `rules` are those of the language by which the state was written.
    fn again(plan: &Arc<Plan>, logs: &Logs<'_>, begun: &[LogPosition], rules: u32) -> Result<Loaded, Error> {
        let mut reach = if begun.is_empty() { LogPosition::starts(plan) } else { begun.to_vec() };
        if !logs.are_whole(&reach) {
            return Err(Error::not_kept(rules));
        }
        let sources = logs.open(&reach, !begun.is_empty())?;
        reach.iter_mut().zip(logs.known).for_each(|(reach, known)| {
            (reach.silences, reach.gaps) = (known.silences.clone(), known.gaps.clone());
        });
        Ok(Loaded::empty(plan, logs, sources, reach))
    }

    fn empty(plan: &Arc<Plan>, logs: &Logs<'_>, sources: Vec<Box<dyn Source>>, reach: Vec<LogPosition>) -> Loaded {
        let lanes = (0..logs.lanes()).map(|_| Lane::new(Arc::clone(plan), None)).collect();
        Loaded { sources, lanes, reach, counts: Counts::default(), totals: MetricTotals::new(plan), results: vec![] }
    }
}

/// What the lanes have seen of a source by then.
fn source_start(reach: &LogPosition) -> SourceStart {
    SourceStart {
        position: reach.position,
        max_time: reach.max_time,
        silences: reach.silences.clone(),
        ended: false,
        unseen: reach.unseen,
    }
}

/// Whether files that were read are known under other names now, or as other files: that is to be in the next checkpoint.
fn are_elsewhere(sources: &[Box<dyn Source>], reach: &[LogPosition]) -> bool {
    let mut files = sources.iter().zip(reach).flat_map(|(source, reach)| source.files().iter().zip(&reach.files));
    files.any(|(is, was)| is.name != was.name || is.identity != was.identity)
}

/// Says which metrics have changes in history that no topic is told of.
fn say_apart(options: &Options, apart: &BTreeSet<String>) {
    if apart.is_empty() || options.outputs.iter().all(|(output, _)| output != OutputKind::Totals) {
        return;
    }
    let names: Vec<&str> = apart.iter().map(String::as_str).collect();
    tracing::warn!(
        "{}: totals of {} go to no topic, for they were begun without one and lie in history; `every` tells them window by window",
        options.folder,
        names.join(", ")
    );
}

/// How a partition of a plan is called in its state.
pub(crate) fn identity(plan: &Plan, part: &LogPartition) -> String {
    let part = if part.folder.is_empty() { "0" } else { &part.folder };
    format!("{}/{part}", plan.name())
}

pub(super) fn load(
    plan: &Arc<Plan>,
    threads: usize,
    manifest: &Manifest,
    reader: &CheckpointReader,
) -> Result<Vec<Lane>, Error> {
    let segments: Vec<&FileRef> = manifest.files.iter().filter(|file| file.kind == FileKind::Segment).collect();
    let mut images = vec![];
    for file in segments {
        let bytes = reader.read(file)?;
        let batches = segment::decode(&bytes)
            .map_err(|error| Error::Malformed { object: file.name.clone(), reason: error.to_string() })?;
        images.extend(batches);
    }
    image::restore(plan, threads, &images)
        .map_err(|error| Error::Image { file: format!("segments of epoch {}", manifest.epoch), error })
}
