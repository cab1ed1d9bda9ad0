//! What can be known before a partition is taken over: a start that is refused changes nothing.
//!
//! **Invariant:** nothing here writes, on no disk and to no broker.

use super::damaged::settle;
use super::state::{facts, places};
use super::{Error, Options};
use crate::checkpoint::{self, CheckpointReader, FileKind, FileRef};
use crate::input::StartPosition;
use event_feeder::Next;
use std::sync::Arc;
use timeline_core::plan::Plan;

/// Looks whether a partition can be opened, and reads on in its log where that is of files.
pub fn before(plan: &Plan, options: &Options) -> Result<(), Error> {
    if options.begun.is_lost(&options.folder, &*options.store)? {
        return Err(Error::Gone { folder: options.folder.clone() });
    }
    let Some(manifest) = checkpoint::peek(&*options.store)? else { return Ok(()) };
    let state = facts(&manifest)?;
    let reader = CheckpointReader::new(Arc::clone(&options.store));
    let is_owed = |file: &&FileRef| file.kind == FileKind::Outbox && reader.read(file).is_err();
    if manifest.files.iter().any(|file| is_owed(&file)) {
        // An older checkpoint may do without.
        let inspection = checkpoint::inspect(&*options.store)?;
        if let Some(newest) = inspection.kept.first() {
            settle(options, newest, &inspection.damaged, vec![], &reader)?;
        }
    }
    // Under other queries the log is read from where it begins, which is looked at when it is.
    let places = places(&manifest)?;
    if !state.is_of(plan, &places) {
        return Ok(());
    }
    for (source, reach) in state.reach(&places).into_iter().enumerate() {
        let from = StartPosition { position: reach.position.of(0), files: reach.files };
        if options.log.is_live() {
            let checked = options.log.check(&options.part, source, &from);
            // Whoever is at work on it lets go of what came before the checkpoint that was looked at.
            let is_newest = || {
                let newest = checkpoint::peek(&*options.store)?;
                Ok::<_, Error>(newest.is_some_and(|newest| newest.epoch == manifest.epoch))
            };
            if checked.is_err() && is_newest()? {
                checked?;
            }
            continue;
        }
        // What is there is compared with what was read when reading begins.
        match options.log.open(&options.part, plan, source, Some(&from))?.next()? {
            Next::Block(_) | Next::Gap(_) | Next::Idle { .. } | Next::End => {}
        }
    }
    Ok(())
}
