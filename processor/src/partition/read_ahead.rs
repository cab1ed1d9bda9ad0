//! Kept events of another reading of the same partition, for queries that are deployed later and read the log from its start.
//!
//! They are copied, so that the two readings need nothing of each other from then on: each keeps and drops what it will,
//! and either may end first.
//!
//! **Invariant:** the subscription of the new reading is made before the copy, so whatever the copy lacks comes from the log.

use super::state::{State, facts, places};
use super::{Error, Options};
use crate::checkpoint::{self, CheckpointReader, Error as StoreError, FileKind, FileRef, ObjectProblem, Putter, Store};
use crate::log_position::LogPosition;
use crate::retained::RetainedLog;
use event_feeder::world::{self, Instant};
use event_feeder::{Position, RecordCode};
use std::sync::Arc;
use std::time::Duration;
use timeline_core::plan::Plan;

/// How often it is begun again, when the owner has put files together meanwhile.
const ATTEMPTS: usize = 16;

/// How long a log may hold the place of a reader that has just ended.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// What another reading knows of the logs.
pub(super) struct ReadAhead {
    /// The kept events.
    pub files: Vec<FileRef>,
    /// How far it has read.
    pub reach: Vec<LogPosition>,
    pub state: State,
}

/// Copies what the other reading of a live log keeps, if there is one that has read anything.
pub(super) fn copy(plan: &Plan, options: &Options, putter: &Putter) -> Result<Option<ReadAhead>, Error> {
    let Some(store) = options.earlier.as_ref().filter(|_| options.log.is_live()) else { return Ok(None) };
    // Opened and closed, which makes the log hold on to what comes.
    for source in 0..plan.sources().count() {
        drop(options.log.open(&options.part, plan, source, None)?);
    }
    let mut tried = 0;
    loop {
        tried += 1;
        match copy_once(store, putter) {
            Err(Error::Checkpoint(StoreError::Corrupt(finding)))
                if tried < ATTEMPTS && matches!(finding.problem, ObjectProblem::Missing) => {}
            result => return result,
        }
    }
}

/// Opens what was opened just before, once the broker has noticed that it was closed.
pub(super) fn patient<T>(open: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    let began = Instant::now();
    loop {
        match open() {
            Err(Error::Source(event_feeder::Error::Topic { code: RecordCode::TopicBusy, .. }))
                if began.elapsed() < PATIENCE =>
            {
                world::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

fn copy_once(store: &Arc<dyn Store>, putter: &Putter) -> Result<Option<ReadAhead>, Error> {
    let inspection = checkpoint::inspect(&**store)?;
    let Some(manifest) = inspection.kept.first() else { return Ok(None) };
    let state = facts(manifest)?;
    let reach = state.reach(&places(manifest)?);
    for (source, reach) in (0..).zip(&reach) {
        if !RetainedLog::of(&manifest.files, source)?.is_whole(Position::START, reach.position.of(0)) {
            return Err(Error::NotKept);
        }
    }
    let reader = CheckpointReader::new(Arc::clone(store));
    let mut files: Vec<FileRef> = vec![];
    for file in manifest.files.iter().filter(|file| file.kind == FileKind::Kept) {
        let copied =
            reader.read(file).and_then(|bytes| putter.put(FileKind::Kept, "kept", &bytes, file.metadata.clone()));
        match copied {
            Ok(file) => files.push(file),
            Err(error) => {
                files.iter().for_each(|file| putter.forget(file));
                return Err(error.into());
            }
        }
    }
    Ok(Some(ReadAhead { files, reach, state }))
}
