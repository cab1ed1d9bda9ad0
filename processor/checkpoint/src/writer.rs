//! The owner's side: putting files, committing checkpoints, noticing that it is no longer the owner.
//!
//! **Invariant:** after the first failed write nothing is written any more. A failed sync says that earlier bytes may be
//! gone although they read back well, so only a new process that recovers from what is really there may go on.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;

use super::digest::Digest;
use super::error::Error;
use super::load::CheckpointReader;
use super::names::{self, FileKind, Stamp};
use super::protocol::CHECKPOINTS_KEPT;
use super::record::{self, ChainHead, Epoch, FORMAT, FileRef, FileSummary, Generation, Manifest, ManifestRef, Owner};
use super::store::Store;
use super::swap::{self, Swapped};

/// The checkpoints of one partition, owned by this writer until it is fenced.
pub struct Checkpoints {
    pub(super) shared: Arc<WriterShared>,
    pub(super) head: ChainHead,
    pub(super) head_digest: Digest,
    /// What the next head will name after its own, newest first; without their facts.
    pub(super) kept: Vec<(ManifestRef, Arc<Manifest>)>,
    /// Files whose bytes were read back and compared.
    pub(super) verified: BTreeSet<String>,
}

/// What the next checkpoint consists of.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The log position that the state is true for.
    pub position: serde_json::Value,
    /// Everything else the caller needs to load the state (program version, fingerprints, watermark ...), as text: a tree of
    /// its values is a hundred times as large, where it has the buckets of percentiles.
    pub state: Box<RawValue>,
    /// All files of the checkpoint: those put since the last one, and those of earlier ones that still count.
    pub files: Vec<FileRef>,
}

impl Checkpoints {
    pub(super) fn new(
        store: Arc<dyn Store>,
        head: ChainHead,
        head_digest: Digest,
        kept: Vec<(ManifestRef, Manifest)>,
        verified: BTreeSet<String>,
    ) -> Checkpoints {
        let shared = WriterShared {
            store,
            generation: head.owner.generation,
            lineage: head.lineage.clone(),
            building: AtomicU64::new(head.epoch + 1),
            sequence: AtomicU64::new(0),
            pending: Mutex::default(),
            stopped: Mutex::default(),
        };
        let bare = |(reference, manifest)| (reference, Arc::new(without_facts(manifest)));
        let kept = kept.into_iter().map(bare).collect();
        Checkpoints { shared: Arc::new(shared), head, head_digest, kept, verified }
    }

    /// Makes a checkpoint count, in one step. `Ok` means: durable, and this writer was the owner when it became so.
    ///
    /// After [`Error::BadFile`] nothing has happened and the writer goes on. After any other error the writer is finished,
    /// and the checkpoint may or may not have become the newest: the next owner finds out.
    pub fn commit(&mut self, commit: Commit) -> Result<Epoch, Error> {
        self.shared.alive()?;
        self.check_files(&commit.files)?;
        let result = self.swap_in(commit);
        result.map_err(|error| self.shared.stop(error))
    }

    /// Puts one file of the checkpoint being built; see [`Putter::put`].
    pub fn put(&self, kind: FileKind, stem: &str, bytes: &[u8], metadata: serde_json::Value) -> Result<FileRef, Error> {
        self.putter().put(kind, stem, bytes, metadata)
    }

    /// A handle that puts files from any thread, also while a commit runs.
    pub fn putter(&self) -> Putter {
        Putter { shared: Arc::clone(&self.shared) }
    }

    /// The bytes of a file, compared with its digest. A failure stops nothing here.
    pub fn read(&self, file: &FileRef) -> Result<Vec<u8>, Error> {
        self.reader().read(file)
    }

    /// A handle that reads files from any thread.
    pub fn reader(&self) -> CheckpointReader {
        CheckpointReader::new(Arc::clone(&self.shared.store))
    }

    /// The checkpoints that can be fallen back to, newest first, at most three; their `state` is in the store alone.
    ///
    /// The log may be acknowledged up to the position of the **last** of them and no further.
    pub fn kept(&self) -> impl ExactSizeIterator<Item = &Manifest> {
        self.kept.iter().map(|(_, manifest)| &**manifest)
    }

    /// Epoch of the newest checkpoint that counts; 0 without any.
    pub fn epoch(&self) -> Epoch {
        self.kept.first().map_or(0, |(reference, _)| reference.epoch)
    }

    /// This writer and its generation.
    pub fn owner(&self) -> &Owner {
        &self.head.owner
    }

    /// Looks whether this writer still owns the partition; to be called when there was nothing to commit for a while.
    ///
    /// [`Error::Fenced`] is final. A store that cannot be read is an error that may pass.
    pub fn check_still_owner(&self) -> Result<(), Error> {
        self.shared.alive()?;
        let newest = swap::newest(&*self.shared.store)?;
        match newest {
            Some(newest) if newest.claim.number == self.head.number && newest.claim.digest == self.head_digest => {
                Ok(())
            }
            newest => {
                let by = newest.and_then(|newest| newest.owner()).filter(|owner| *owner != self.head.owner);
                Err(self.shared.stop(Error::Fenced { by }))
            }
        }
    }

    /// A handle that looks the same from any thread, also while a commit runs.
    pub fn owner_look(&self) -> OwnerLook {
        OwnerLook { shared: Arc::clone(&self.shared), owner: self.head.owner.clone() }
    }

    /// Gives the partition up: the next owner takes it over from nobody, and this writer is finished.
    ///
    /// What is to be kept must be committed before. [`Error::Fenced`] if another had taken it over already.
    pub fn release(self) -> Result<(), Error> {
        self.shared.alive()?;
        let head = ChainHead {
            format: FORMAT,
            released: true,
            number: self.head.number + 1,
            previous: Some(self.head_digest),
            manifests: self.kept.iter().map(|(reference, _)| reference.clone()).collect(),
            ..self.head.clone()
        };
        match swap::swap(&*self.shared.store, &head).map_err(|error| self.shared.stop(error))? {
            Swapped::Theirs(by) => Err(self.shared.stop(Error::Fenced { by })),
            Swapped::Mine(_) => {
                // Putters that are still somewhere write nothing any more.
                self.shared.stop(Error::Fenced { by: None });
                Ok(())
            }
        }
    }

    /// A commit may name what a kept checkpoint names, and what this writer has put; the collector keeps just those.
    fn check_files(&self, files: &[FileRef]) -> Result<(), Error> {
        let bad = |file: &FileRef, reason| Err(Error::BadFile { name: file.name.clone(), reason });
        let known: BTreeSet<&str> =
            self.kept().flat_map(|manifest| &manifest.files).map(|file| file.name.as_str()).collect();
        let pending = self.shared.pending();
        let mut named = BTreeSet::new();
        for file in files {
            if !named.insert(&file.name) {
                return bad(file, "it names twice");
            }
            if !known.contains(file.name.as_str()) && !pending.contains(&file.name) {
                return bad(file, "no kept checkpoint has and this writer has not put");
            }
        }
        Ok(())
    }

    fn swap_in(&mut self, commit: Commit) -> Result<Epoch, Error> {
        let epoch = self.head.epoch + 1;
        let Commit { position, state, files } = commit;
        let manifest = Manifest {
            format: FORMAT,
            partition: self.head.partition.clone(),
            lineage: self.head.lineage.clone(),
            owner: self.head.owner.clone(),
            epoch,
            position,
            state: serde_json::Value::Null,
            files,
            previous: self.kept.first().map(|(reference, _)| reference.digest),
        };
        let bytes = record::encode(&manifest.with_facts(&state));
        let name = names::manifest(Stamp { generation: self.head.owner.generation, epoch });
        let reference = ManifestRef { name, epoch, length: bytes.len() as u64, digest: Digest::of(&bytes) };
        self.shared.store.put(&reference.name, &bytes)?;

        let mut kept = vec![(reference, Arc::new(manifest))];
        kept.extend(self.kept.iter().take(CHECKPOINTS_KEPT - 1).cloned());
        let head = ChainHead {
            number: self.head.number + 1,
            epoch,
            previous: Some(self.head_digest),
            manifests: kept.iter().map(|(reference, _)| reference.clone()).collect(),
            ..self.head.clone()
        };
        match swap::swap(&*self.shared.store, &head)? {
            Swapped::Theirs(by) => Err(Error::Fenced { by }),
            Swapped::Mine(digest) => {
                self.shared.committed(&kept[0].1);
                (self.head, self.head_digest, self.kept) = (head, digest, kept);
                Ok(epoch)
            }
        }
    }
}

/// Looks whether a writer still owns its partition, while it commits: whichever head it finds then, the one before the commit
/// or the one that it makes, names its owner, and that of anybody who takes over another one.
#[derive(Clone)]
pub struct OwnerLook {
    shared: Arc<WriterShared>,
    owner: Owner,
}

impl OwnerLook {
    /// [`Error::Fenced`] is final. A store that cannot be read is an error that may pass.
    pub fn check(&self) -> Result<(), Error> {
        self.shared.alive()?;
        let by = swap::newest(&*self.shared.store)?.and_then(|newest| newest.owner());
        if by.as_ref() == Some(&self.owner) {
            return Ok(());
        }
        Err(self.shared.stop(Error::Fenced { by }))
    }
}

/// What of a manifest is needed as long as its checkpoint is kept.
fn without_facts(manifest: Manifest) -> Manifest {
    Manifest { state: serde_json::Value::Null, ..manifest }
}

/// Puts files of the checkpoint being built; may be cloned and sent to other threads.
#[derive(Clone)]
pub struct Putter {
    shared: Arc<WriterShared>,
}

impl Putter {
    /// Writes an immutable file durably, under a name that only this writer makes. `stem` is 1 to 64 of a-z, 0-9, _ and -.
    ///
    /// The file is kept from the collector until a commit names it, however many commits pass before, or until
    /// [`forget`](Putter::forget). Any failure to write finishes the writer.
    pub fn put(&self, kind: FileKind, stem: &str, bytes: &[u8], metadata: serde_json::Value) -> Result<FileRef, Error> {
        let shared = &self.shared;
        shared.alive()?;
        let stamp = Stamp { generation: shared.generation, epoch: shared.building.load(Ordering::SeqCst) };
        let name = names::file(kind, stamp, shared.sequence.fetch_add(1, Ordering::SeqCst), stem)?;
        shared.pending().insert(name.clone());
        shared.store.put(&name, bytes).map_err(|error| shared.stop(error.into()))?;
        Ok(FileSummary { name, kind, length: bytes.len() as u64, digest: Digest::of(bytes), metadata }.into())
    }

    /// Writes a file of history into its table. A failure stops nothing: what it holds is in the state as long as no commit
    /// names the file.
    pub fn put_history(
        &self,
        (table, day): (&str, &str),
        bytes: &[u8],
        metadata: serde_json::Value,
    ) -> Result<FileRef, Error> {
        let shared = &self.shared;
        shared.alive()?;
        let stamp = Stamp { generation: shared.generation, epoch: shared.building.load(Ordering::SeqCst) };
        let (length, digest) = (bytes.len() as u64, Digest::of(bytes));
        let sequence = shared.sequence.fetch_add(1, Ordering::SeqCst);
        let name = names::history(table, day, &shared.lineage, stamp, sequence, &digest.to_string());
        shared.pending().insert(name.clone());
        if let Err(error) = shared.store.put(&name, bytes) {
            // One that is there has these bytes, or is found to be broken when it is read.
            if error.source.kind() != io::ErrorKind::AlreadyExists {
                shared.pending().remove(&name);
                return Err(error.into());
            }
        }
        Ok(FileSummary { name, kind: FileKind::History, length, digest, metadata }.into())
    }

    /// Deletes a file of history that no kept checkpoint names any more, or never did.
    pub fn delete_history(&self, name: &str) -> Result<(), Error> {
        self.shared.alive()?;
        self.shared.pending().remove(name);
        Ok(self.shared.store.delete(name)?)
    }

    /// What tells the partition from all others, whoever owns it.
    pub fn lineage(&self) -> &str {
        &self.shared.lineage
    }

    /// Gives up a file that no commit will name, so that it can be collected.
    pub fn forget(&self, file: &FileRef) {
        self.shared.pending().remove(&file.name);
    }
}

/// What the writer and its putters share.
pub(super) struct WriterShared {
    pub(super) store: Arc<dyn Store>,
    generation: Generation,
    lineage: String,
    /// The epoch that files put now are stamped with.
    building: AtomicU64,
    sequence: AtomicU64,
    /// Files that were put and not yet named by a commit.
    pending: Mutex<BTreeSet<String>>,
    stopped: Mutex<Option<Stopped>>,
}

/// Why nothing more is written.
#[derive(Clone)]
enum Stopped {
    Fenced(Option<Owner>),
    /// In words, and what the system said where it was the store.
    Failed(String, Option<io::ErrorKind>),
}

impl WriterShared {
    /// An error once the writer is finished.
    pub(super) fn alive(&self) -> Result<(), Error> {
        match self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            None => Ok(()),
            Some(Stopped::Fenced(by)) => Err(Error::Fenced { by }),
            Some(Stopped::Failed(cause, kind)) => Err(Error::Poisoned { cause, kind }),
        }
    }

    /// Finishes the writer for the reason of `error`, unless it was finished before, and gives the error back.
    pub(super) fn stop(&self, error: Error) -> Error {
        let reason = match &error {
            Error::Fenced { by } => Stopped::Fenced(by.clone()),
            Error::Store(error) => Stopped::Failed(error.to_string(), Some(error.source.kind())),
            other => Stopped::Failed(other.to_string(), None),
        };
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        error
    }

    pub(super) fn pending(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn committed(&self, manifest: &Manifest) {
        self.building.store(manifest.epoch + 1, Ordering::SeqCst);
        let mut pending = self.pending();
        for file in &manifest.files {
            pending.remove(&file.name);
        }
    }
}
