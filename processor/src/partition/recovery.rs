//! Opening a partition: from its newest whole checkpoint, or from the start of its log.

use super::checkpointing::{Cut, State, plan_fingerprint, position};
use super::keeping::{self, Keeping};
use super::silence::Silence;
use super::{Counts, Error, Handle, Options, Partition};
use crate::checkpoint::{Checkpoints, FileRef, Finding, Identity, Kind, Manifest, Reader, segment};
use crate::input::From;
use crate::lane::{Lane, image};
use crate::pipeline::{Begun, Pipeline};
use crate::results::Pending;
use crate::totals::Totals;
use event_feeder::Position;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;
use timeline_core::plan::Plan;

/// How a partition came up.
#[derive(Debug)]
pub struct Recovery {
    /// The epoch that it went on from; `None` for a new one.
    pub epoch: Option<u64>,
    /// Whether the queries are others than those of the checkpoint, so that the log is read again from its start.
    pub rebuilt: bool,
    /// What was found broken or suspicious on the way.
    pub findings: Vec<Finding>,
}

impl Partition {
    /// Takes the partition over and loads its state.
    pub fn open(plan: Arc<Plan>, options: Options) -> Result<(Self, Recovery), Error> {
        let part = if options.part.folder.is_empty() { "0" } else { &options.part.folder };
        let partition = format!("{}/{part}", plan.source.name);
        let identity = Identity { partition, writer: options.writer.clone() };
        let proven = Instant::now();
        let opened = Checkpoints::claim(Arc::clone(&options.store), &identity, &options.take)?;
        let (checkpoints, reader) = (opened.checkpoints, Reader::new(Arc::clone(&options.store)));
        let state = match &opened.recovered {
            None => None,
            Some(manifest) => Some((manifest, facts(manifest)?)),
        };
        let same = state.as_ref().filter(|(_, state)| state.plan == plan_fingerprint(&plan));
        let recovery = Recovery {
            epoch: opened.recovered.as_ref().map(|manifest| manifest.epoch),
            rebuilt: state.is_some() && same.is_none(),
            findings: opened.findings,
        };
        let threads = options.threads.max(1);
        let fresh = || (0..threads).map(|_| Lane::new(Arc::clone(&plan), None)).collect::<Vec<_>>();
        let (requests_in, requests) = channel();
        let handle = Handle { requests: requests_in };
        let live = options.log.is_live();
        let files = opened.recovered.as_ref().map_or(&[][..], |manifest| &manifest.files);
        let kept = keeping::of_files(files)?;
        let (source, lanes, begun, counts, totals, results) = match same {
            Some((manifest, state)) => {
                let at = place(manifest)?;
                let source = if live {
                    keeping::open(&options, &plan, at, &kept, &reader)?
                } else {
                    let from = From { position: at, files: state.files.clone() };
                    options.log.open(&options.part, &plan, Some(&from))?
                };
                let lanes = load(&plan, threads, manifest, &reader)?;
                let totals = Totals::from_image(&plan, state.totals.clone());
                let results: Vec<FileRef> = manifest.files.iter().filter(|f| f.kind == Kind::Result).cloned().collect();
                let begun = Begun { position: at, max_time: state.max_time, silences: state.silences.clone() };
                (source, lanes, begun, state.counts, totals, results)
            }
            None => {
                let read = opened.recovered.as_ref().map(place).transpose()?.unwrap_or(Position::START);
                let source = match live {
                    true if !kept.is_whole(read) => return Err(Error::NotKept),
                    true => keeping::open(&options, &plan, Position::START, &kept, &reader)?,
                    false => options.log.open(&options.part, &plan, None)?,
                };
                // What silence decided about the log stays decided when the log is read again.
                let silences = state.as_ref().map(|(_, state)| state.silences.clone()).unwrap_or_default();
                (source, fresh(), Begun { silences, ..Begun::default() }, Counts::default(), Totals::new(&plan), vec![])
            }
        };
        let keep = if live { options.keep } else { 0 };
        let partition = Partition {
            pipeline: Pipeline::start(&plan, lanes, &begun, None),
            source,
            requests,
            handle,
            position: begun.position,
            max_time: begun.max_time,
            silence: Silence::new(if live { plan.source.idle.live() } else { None }, begun.silences),
            keeping: Keeping::new(keep, kept, begun.position, begun.max_time),
            counts,
            totals,
            pending: Pending::default(),
            committing: None,
            epoch: checkpoints.epoch(),
            proven,
            checkpoints: Some(checkpoints),
            reader,
            // Lanes may be others than those of the segments, so the first checkpoint is a base.
            cut: Cut::default(),
            results,
            // A rebuilt partition makes a checkpoint even if its log is empty now.
            dirty: recovery.rebuilt,
            waiting: vec![],
            notices: vec![],
            plan,
            options,
        };
        Ok((partition, recovery))
    }
}

/// The position of a checkpoint.
fn place(manifest: &Manifest) -> Result<Position, Error> {
    position(&manifest.position, &format!("manifest of epoch {}", manifest.epoch))
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
