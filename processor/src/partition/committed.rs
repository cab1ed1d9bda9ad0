//! What is committed: the store and who owns it, the last checkpoint with what it names, and the one that is being written.
//!
//! **Invariant:** at most one checkpoint is being written, and as long as one is the store is with the thread that writes it.

use super::Error;
use super::writing::WrittenCheckpoint;
use crate::checkpoint::{CheckpointReader, Checkpoints, FileRef, OwnerLook, Putter};
use crate::damage::Damage;
use crate::lane::image::ImageSize;
use crate::results::{Pending, RetentionCounts};
use event_feeder::world::Instant;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Time between two looks at files that are broken: somebody may put them back.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What is durable.
pub(super) struct Committed {
    /// Not here while a checkpoint is being written.
    pub checkpoints: Option<Checkpoints>,
    /// Looks whose it is meanwhile.
    pub owner_look: OwnerLook,
    pub reader: CheckpointReader,
    /// The number of the last checkpoint.
    pub epoch: u64,
    /// When this was certainly the owner: before the look at the head, or the commit, that said so.
    pub proven: Instant,
    pub segments: Segments,
    /// Files of history that the last checkpoint names.
    pub results: Vec<FileRef>,
    /// Rows of history whose time was over.
    pub dropped: RetentionCounts,
    pub damage: Damage,
    /// When files that are broken were last looked at.
    pub damage_looked: Instant,
    /// Whether files of results lie about that only older checkpoints name.
    pub lingers: bool,
    pub writing: Option<Writing>,
}

/// A checkpoint that is being written.
pub(super) struct Writing {
    /// The rows that it will commit.
    pub pending: Arc<Pending>,
    /// Where it will be said that it did.
    pub result: Receiver<Result<WrittenCheckpoint, Error>>,
}

impl Committed {
    /// Whether a checkpoint is being written.
    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Writes files beside the state; nothing while a checkpoint is being written.
    pub(super) fn putter(&self) -> Option<Putter> {
        self.checkpoints.as_ref().map(Checkpoints::putter)
    }

    /// Whether it is time to look again at files that are broken; then it is noted as done.
    pub(super) fn looks_again(&mut self) -> bool {
        let is_due = self.damage_looked.elapsed() >= LOOK_AGAIN;
        if is_due {
            self.damage_looked = Instant::now();
        }
        is_due
    }

    /// Notes what questions found of the files that they read: of history, and of the kept events.
    pub(super) fn note_broken<'a>(&'a mut self, folder: &str, kept: impl Iterator<Item = &'a FileRef>) {
        if self.reader.is_all_whole() {
            return;
        }
        let files: Vec<&FileRef> = self.results.iter().chain(kept).collect();
        let said = self.damage.note_broken(folder, &files, &self.reader);
        said.iter().for_each(|said| tracing::warn!("{said}"));
    }

    /// Makes sure that the head is still its own.
    pub(super) fn look_at_head(&mut self) -> Result<(), Error> {
        let before = Instant::now();
        match &self.checkpoints {
            Some(checkpoints) => checkpoints.check_still_owner()?,
            None => self.owner_look.check()?,
        }
        self.proven = before;
        Ok(())
    }
}

/// The segments of the last checkpoint: a base with all sessions, and the deltas since.
#[derive(Clone, Debug, Default)]
pub(super) struct Segments {
    /// In the order in which they are applied.
    pub files: Vec<FileRef>,
    base_sessions: usize,
    delta_sessions: usize,
    /// Whether there is a base that deltas can go on.
    has_base: bool,
}

impl Segments {
    /// Lets the next checkpoint be a base, for rows have changed that no event has touched.
    pub(super) fn begin_anew(&mut self) {
        self.has_base = false;
    }

    /// Whether the next checkpoint is to be a base.
    pub(super) fn is_base_due(&self) -> bool {
        !self.has_base || self.delta_sessions * 2 > self.base_sessions
    }

    /// Keeps the books on base and deltas; the segments that still count beside the new ones.
    pub(super) fn note(&mut self, images: &[ImageSize], is_base: bool) -> Vec<FileRef> {
        let sessions: usize = images.iter().map(|image| image.sessions).sum();
        if is_base {
            self.base_sessions = sessions;
            self.delta_sessions = 0;
            self.has_base = true;
            vec![]
        } else {
            self.delta_sessions += sessions;
            self.files.clone()
        }
    }
}
