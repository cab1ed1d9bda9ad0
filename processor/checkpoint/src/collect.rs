//! Deleting what no kept checkpoint needs.
//!
//! Everything is listed and classified before anything is deleted, and before that the kept checkpoints are read back, so
//! that nothing old goes while something new is not known to be whole.

use std::collections::BTreeSet;

use super::error::Error;
use super::load;
use super::names::{self, FileKind};
use super::protocol::{self, HEADS_KEPT, Horizon, ObjectClass};
use super::store::ListingEntry;
use super::writer::Checkpoints;

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Objects deleted.
    pub deleted: u64,
    /// Their lengths together, in bytes.
    pub deleted_bytes: u64,
    /// Names that no writer makes; left alone.
    pub foreign: Vec<String>,
}

impl Checkpoints {
    /// Deletes manifests and files older than every kept checkpoint that none of them names, and old heads.
    ///
    /// A kept checkpoint that does not read back as written is [`Error::Corrupt`]: nothing is deleted, and the writer is
    /// finished, because what it writes does not arrive.
    pub fn collect(&mut self) -> Result<Collected, Error> {
        self.check_still_owner()?;
        let Some((oldest, _)) = self.kept.last() else {
            return Ok(Collected::default());
        };
        if self.kept.len() < self.head.manifests.len() {
            // The head still names checkpoints that could not be read; the next owner may be luckier. The next commit
            // drops them.
            return Ok(Collected::default());
        }
        let horizon = Horizon {
            head: self.head.number,
            generation: self.head.owner.generation,
            oldest_epoch: oldest.epoch,
            heads_kept: HEADS_KEPT,
        };
        self.verify().map_err(|error| self.shared.stop(error))?;
        let (garbage, foreign) = self.classify(&horizon)?;

        let mut collected = Collected { foreign, ..Collected::default() };
        for entry in garbage {
            self.shared.store.delete(&entry.name).map_err(|error| self.shared.stop(error.into()))?;
            self.verified.remove(&entry.name);
            collected.deleted += 1;
            collected.deleted_bytes += entry.length;
        }
        Ok(collected)
    }

    /// Reads back what the kept checkpoints name, except what was read back before.
    fn verify(&mut self) -> Result<(), Error> {
        for (reference, manifest) in &self.kept {
            let manifest_itself = (&reference.name, reference.length, &reference.digest);
            let files = manifest.files.iter().map(|file| (&file.name, file.length, &file.digest));
            for (name, length, digest) in files.chain([manifest_itself]) {
                if !self.verified.contains(name) && !self.is_old_history(name) {
                    load::sealed(&*self.shared.store, name, length, digest).map_err(Error::Corrupt)?;
                    self.verified.insert(name.clone());
                }
            }
        }
        Ok(())
    }

    /// What an earlier owner wrote beside the state: compared when it was recovered, as far as it was, and at every read.
    /// So are files of history in tables, whoever wrote them.
    /// What is broken of it is said then, and stands in the way of nothing.
    fn is_old_history(&self, name: &str) -> bool {
        if FileKind::of(name) == Some(FileKind::History) {
            return true;
        }
        let earlier = names::stamp(name).is_some_and(|stamp| stamp.generation < self.head.owner.generation);
        earlier && FileKind::of(name).is_some_and(|kind| !kind.is_state())
    }

    /// What is to be deleted, in the order in which it must be, and the names nobody makes.
    fn classify(&self, horizon: &Horizon) -> Result<(Vec<ListingEntry>, Vec<String>), Error> {
        let mut garbage = Vec::new();
        let mut foreign = Vec::new();
        let mut sort = |class, entry: ListingEntry| match class {
            ObjectClass::Garbage => garbage.push(entry),
            ObjectClass::Foreign => foreign.push(entry.name),
            ObjectClass::Needed | ObjectClass::Recent => {}
        };
        let store = &self.shared.store;
        // Listings are sorted by name, so heads come in ascending order, which the protocol relies on.
        for entry in store.list(names::HEADS)? {
            sort(protocol::classify_head(horizon, names::head_number(&entry.name)), entry);
        }
        for entry in store.list(names::TEMPORARY)? {
            sort(protocol::classify_temporary(horizon, names::temporary_head_number(&entry.name)), entry);
        }
        let needed: BTreeSet<&str> = self
            .kept
            .iter()
            .flat_map(|(reference, manifest)| {
                manifest.files.iter().map(|file| file.name.as_str()).chain([reference.name.as_str()])
            })
            .collect();
        for folder in [names::MANIFESTS].into_iter().chain(FileKind::IN_STATE.map(FileKind::folder)) {
            for entry in store.list(folder)? {
                let needed = needed.contains(entry.name.as_str()) || self.shared.pending().contains(&entry.name);
                sort(protocol::classify(horizon, names::stamp(&entry.name), needed), entry);
            }
        }
        Ok((garbage, foreign))
    }
}
