//! Opening a partition: from its newest whole checkpoint, or from the start of its log.

use super::checkpointing::{Cut, State, lingers, positions};
use super::damaged::{Settled, settle};
use super::growth;
use super::history::Mover;
use super::keeping::{self, Keeping};
use super::pace::Pace;
use super::publishing::Publishing;
use super::silence::Silence;
use super::zones;
use super::{
    Counts, Error, Handle, LOOK_UP, Looked, LossesSaid, Options, Partition, SourceProgress, beginning, copying,
};
use crate::checkpoint::{Checkpoints, FileRef, Finding, Identity, Kind, Manifest, Reader, segment};
use crate::feed::Feed;
use crate::input::{From, Part};
use crate::lane::{Lane, image};
use crate::outputs::Output;
use crate::pipeline::{Pipeline, SourceStart};
use crate::programs::Begin;
use crate::reach::Reach;
use crate::results::Pending;
use crate::retained::RetainedLog;
use crate::totals::Totals;
use event_feeder::world::Instant;
use event_feeder::{Position, Source};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
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
        let partition = identity(&plan, &options.part);
        let identity = Identity { partition, writer: options.writer.clone() };
        if options.begun.is_lost(&options.folder, &*options.store)? {
            return Err(Error::Gone { folder: options.folder.clone() });
        }
        let proven = Instant::now();
        let opened = Checkpoints::claim(Arc::clone(&options.store), &identity, &options.take)?;
        options.begun.note(&options.folder)?;
        let (checkpoints, reader) = (opened.checkpoints, Reader::new(Arc::clone(&options.store)));
        let state = match &opened.recovered {
            None => None,
            Some(manifest) => Some((manifest, facts(manifest)?)),
        };
        let mut settled = match &state {
            None => Settled::default(),
            Some((manifest, state)) => settle(&options, manifest, &opened.damaged, state.lost.clone(), &reader)?,
        };
        let mut read = opened.recovered.as_ref().map(places).transpose()?.unwrap_or_default();
        let same = state.as_ref().filter(|(_, state)| state.is_of(&plan, &read));
        // Outputs that were hidden since the last checkpoint have yet to say their last.
        let labels = options.labels.clone();
        let retired = same.map_or_else(|| labels.hidden.clone(), |(_, state)| state.retired.clone());
        options.labels.hidden.clone_from(&retired);
        let recovery = Recovery {
            epoch: opened.recovered.as_ref().map(|manifest| manifest.epoch),
            rebuilt: state.is_some() && same.is_none(),
            older_rules: state.as_ref().is_some_and(|(_, state)| state.rules != RULES),
            findings: opened.findings,
            said: std::mem::take(&mut settled.said)
                .into_iter()
                .chain(same.into_iter().flat_map(|(_, state)| zones::changed(&state.zones)))
                .collect(),
        };
        let is_settled = settled.is_changed;
        let same = same.filter(|_| !settled.remake);
        if same.is_none() {
            settled.read_again();
        }
        let threads = options.threads.max(1);
        let fresh = || (0..threads).map(|_| Lane::new(Arc::clone(&plan), None)).collect::<Vec<_>>();
        let (handle, requests) = Handle::new();
        let live = options.log.is_live();
        let copied = match (&state, options.begins) {
            (None, Begin::Start) => copying::copy(&plan, &options, &checkpoints.putter())?,
            (None, Begin::Now) | (Some(_), _) => None,
        };
        let files = copied.as_ref().map_or(&settled.files[..], |copied| &copied.files);
        let starts = Reach::starts(&plan);
        let kept =
            (0..starts.len() as u8).map(|source| RetainedLog::of(files, source)).collect::<Result<Vec<_>, _>>()?;
        // What was decided about the log stays decided when it is read again.
        let mut known = state.as_ref().map(|(_, state)| state.reach(&read)).unwrap_or_default();
        if let Some(copied) = &copied {
            read = copied.reach.iter().map(|reach| reach.position).collect();
            known.clone_from(&copied.reach);
        }
        let gaps = |source: usize| known.get(source).map_or(&[][..], |known| &known.gaps);
        let open = |from: &[Reach], resumed: bool| -> Result<Vec<Box<dyn Source>>, Error> {
            let one = |(source, from): (usize, &Reach)| {
                let place = From { position: from.position.of(0), files: from.files.clone() };
                if live {
                    let open = || {
                        let kept = (&kept[source], gaps(source));
                        keeping::open(&options, (&plan, source), place.position, kept, &reader)
                    };
                    return if copied.is_some() { copying::patient(open) } else { open() };
                }
                Ok(options.log.open(&options.part, &plan, source, Some(&place).filter(|_| resumed))?)
            };
            from.iter().enumerate().map(one).collect()
        };
        let begun = state.as_ref().map(|(_, state)| state.begun.clone()).unwrap_or_default();
        let is_new_now = options.begins == Begin::Now && state.is_none();
        let (sources, lanes, reach, counts, totals, results) = match same {
            Some((manifest, state)) => {
                let reach = state.reach(&places(manifest)?);
                let sources = open(&reach, true)?;
                let lanes = load(&plan, threads, manifest, &reader)?;
                let totals = Totals::from_image(&plan, state.totals.clone());
                let results: Vec<FileRef> = files.iter().filter(|f| f.kind.is_result()).cloned().collect();
                (sources, lanes, reach, state.counts, totals, results)
            }
            None if is_new_now => {
                let mut sources = open(&starts, false)?;
                let reach = beginning::at_the_end(&mut sources)?;
                (sources, fresh(), reach, Counts::default(), Totals::new(&plan), vec![])
            }
            None => {
                let mut reach = if begun.is_empty() { starts } else { begun.clone() };
                let is_kept = |((from, read), kept): ((&Reach, &Position), &RetainedLog)| {
                    kept.is_whole(from.position.of(0), read.of(0))
                };
                if live && !reach.iter().zip(&read).zip(&kept).all(is_kept) {
                    return Err(Error::not_kept(state.as_ref().map_or(RULES, |(_, state)| state.rules)));
                }
                let sources = open(&reach, !begun.is_empty())?;
                reach.iter_mut().zip(&known).for_each(|(reach, known)| {
                    (reach.silences, reach.gaps) = (known.silences.clone(), known.gaps.clone());
                });
                (sources, fresh(), reach, Counts::default(), Totals::new(&plan), vec![])
            }
        };
        let before = state.as_ref().map(|(_, state)| state).or(copied.as_ref().map(|copied| &copied.state));
        let siblings = before.map(|state| state.siblings.clone()).unwrap_or_default();
        let mut reach = reach;
        if before.is_none() && growth::is_of_growth(&options)? {
            growth::begin_split(&mut reach);
        }
        let dropped = same.map(|(_, state)| state.dropped.clone()).unwrap_or_default();
        let apart = same.map(|(_, state)| state.apart.clone()).unwrap_or_default();
        if !apart.is_empty() && options.outputs.iter().any(|(output, _)| output == Output::Totals) {
            let names: Vec<&str> = apart.iter().map(String::as_str).collect();
            tracing::warn!(
                "{}: totals of {} go to no topic, for they were begun without one and lie in history; `every` tells them window by window",
                options.folder,
                names.join(", ")
            );
        }
        let seen: Vec<SourceStart> = reach
            .iter()
            .map(|Reach { position, max_time, silences, unseen, .. }| SourceStart {
                position: *position,
                max_time: *max_time,
                silences: silences.clone(),
                ended: false,
                unseen: *unseen,
            })
            .collect();
        let begun = if is_new_now { reach.clone() } else { begun };
        // What was to be published still is, whatever the queries are now.
        let told = state.as_ref().map(|(_, state)| (state.told.clone(), state.told_totals.clone())).unwrap_or_default();
        let publishing = Publishing::open(&plan, &options, files, (&told.0, &told.1), proven);
        let keep = if live { options.keep } else { 0 };
        let mut feed = Feed::new(&plan, sources, live);
        for (source, reach) in reach.iter().enumerate() {
            feed.reached(source, reach.max_time);
            feed.passed(source, reach.silences.at(reach.position));
        }
        let readings =
            reach.into_iter().zip(kept).zip(plan.sources()).map(|((reach, kept), declared)| SourceProgress {
                position: reach.position,
                max_time: reach.max_time,
                gaps: reach.gaps,
                silence: Silence::new(if live { declared.idle.live() } else { None }, reach.silences),
                keeping: Keeping::new(keep, kept, reach.position.of(0), reach.max_time),
                unseen: reach.unseen,
                looked: Looked::default(),
            });
        let lingers = lingers(checkpoints.kept());
        let mut partition = Partition {
            pipeline: Pipeline::start(&plan, lanes, &seen, None),
            feed,
            requests,
            handle,
            readings: readings.collect(),
            siblings,
            siblings_seen: Instant::now(),
            begun,
            publishing,
            counts,
            totals,
            pending: Pending::default(),
            last: Pending::default(),
            retired,
            apart,
            dropped,
            mover: Mover::of(options.history.clone(), plan.name(), options.part.number),
            committing: None,
            epoch: checkpoints.epoch(),
            proven,
            owner_look: checkpoints.owner_look(),
            checkpoints: Some(checkpoints),
            reader,
            // Lanes may be others than those of the segments, so the first checkpoint is a base.
            cut: Cut::default(),
            results,
            // A rebuilt partition makes a checkpoint even if its log is empty now.
            dirty: recovery.rebuilt || settled.remake || copied.is_some(),
            damage: settled.damage,
            lingers,
            damage_looked: Instant::now(),
            waiting: vec![],
            delayed: VecDeque::new(),
            answering: None,
            survey: None,
            notices: vec![],
            losses: LossesSaid::default(),
            pauses: false,
            pace: Pace::new(),
            busy: Duration::ZERO,
            received: None,
            plan,
            options,
        };
        partition.pipeline.look_up(LOOK_UP)?;
        if is_new_now || is_settled {
            // Where it begins, and what was given up, is durable before anything that follows from it is shown.
            partition.start_commit()?;
            partition.finish_commit(true)?;
        }
        partition.relabel(labels)?;
        Ok((partition, recovery))
    }
}

/// How a partition of a plan is called in its state.
pub(crate) fn identity(plan: &Plan, part: &Part) -> String {
    let part = if part.folder.is_empty() { "0" } else { &part.folder };
    format!("{}/{part}", plan.name())
}

/// The places of a checkpoint.
fn places(manifest: &Manifest) -> Result<Vec<Position>, Error> {
    positions(&manifest.position, &format!("manifest of epoch {}", manifest.epoch))
}

pub(super) fn facts(manifest: &Manifest) -> Result<State, Error> {
    serde_json::from_value(manifest.state.clone()).map_err(|error| Error::Malformed {
        object: format!("manifest of epoch {}", manifest.epoch),
        reason: error.to_string(),
    })
}

pub(super) fn load(plan: &Arc<Plan>, threads: usize, manifest: &Manifest, reader: &Reader) -> Result<Vec<Lane>, Error> {
    let segments: Vec<&FileRef> = manifest.files.iter().filter(|file| file.kind == Kind::Segment).collect();
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
