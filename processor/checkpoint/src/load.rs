//! Reading what a head names, and checking that it is what was sealed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::cache;
use super::digest::Digest;
use super::error::{Error, Finding, ObjectProblem};
use super::names::FileKind;
use super::record::{self, ChainHead, FileRef, Manifest, ManifestRef};
use super::store::{Store, StoreError};

/// Reads files of a checkpoint, on any thread.
#[derive(Clone)]
pub struct CheckpointReader {
    store: Arc<dyn Store>,
    /// What is wrong with files, as whoever last read them found. Shared by all copies of the reader: a question finds out
    /// on its own thread, and the partition says so from then on.
    broken: Arc<Mutex<BTreeMap<String, ObjectProblem>>>,
}

impl CheckpointReader {
    /// A reader of the files in `store`.
    pub fn new(store: Arc<dyn Store>) -> CheckpointReader {
        CheckpointReader { store, broken: Arc::default() }
    }

    /// The bytes of `file`: exactly those that were put, or [`Error::Corrupt`].
    pub fn read(&self, file: &FileRef) -> Result<Vec<u8>, Error> {
        let read = sealed(&*self.store, &file.name, file.length, &file.digest);
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        match &read {
            Ok(_) => drop(broken.remove(&file.name)),
            // A store that gives no answer says nothing of the file.
            Err(Finding { problem: ObjectProblem::Unreadable { .. }, .. }) => {}
            Err(finding) => drop(broken.insert(file.name.clone(), finding.problem.clone())),
        }
        read.map_err(Error::Corrupt)
    }

    /// Whether no file was found broken.
    pub fn is_all_whole(&self) -> bool {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// What is wrong with some files, as whoever last read them found: nothing, but where files are broken.
    pub fn broken(&self) -> Vec<(String, ObjectProblem)> {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.iter().map(|(name, problem)| (name.clone(), problem.clone())).collect()
    }

    /// Whether reading costs no request to somebody else.
    pub fn is_local(&self) -> bool {
        self.store.path("").is_some()
    }

    /// A file on this machine with the bytes of `file`: where the store has it, or a copy.
    ///
    /// Both are compared with the digest the first time, when they were changed since, and after an hour: history is not
    /// looked at when a checkpoint is opened, and a reader of Parquet takes a damaged byte for a value.
    pub fn path(&self, file: &FileRef) -> Result<PathBuf, Error> {
        match self.store.path(&file.name) {
            Some(path) if cache::is_whole(&path, file) => Ok(path),
            // Read again, to say what is wrong with it.
            Some(path) => self.read(file).map(|_| path),
            None => cache::copy(file, || self.read(file)),
        }
    }
}

/// The kept checkpoints of a head, as far as they are whole.
pub(super) struct Loaded {
    /// The newest whole checkpoint and the kept ones before it whose manifests are readable, newest first.
    pub(super) kept: Vec<(ManifestRef, Manifest)>,
    /// What is broken, so that a newer checkpoint than the first of these cannot be used.
    pub(super) findings: Vec<Finding>,
    /// What is broken of what the first of these names and its state does not need.
    pub(super) damaged: Vec<Finding>,
    /// Names of the files whose bytes were compared with their digests.
    pub(super) verified: BTreeSet<String>,
}

/// Loads the checkpoints that `head` names, leaving out the newest ones whose state is not whole.
///
/// Of those whose state is whole the one that lacks least of the rest counts, the newest of several: what a newer one
/// has and an older one has not is read again out of the log. What every one of them lacks is no reason to fall back.
///
/// An error is a manifest of a newer format or of another place: nothing to fall back from.
pub(super) fn load(store: &dyn Store, head: &ChainHead) -> Result<Loaded, Error> {
    let (mut kept, mut findings) = manifests(store, head)?;
    let lengths = lengths(store)?;
    let old: BTreeSet<String> =
        kept.last().map(|(_, oldest)| names(oldest)).filter(|_| kept.len() > 1).unwrap_or_default();
    let mut verified = BTreeSet::new();
    let mut best: Option<(usize, Vec<Finding>)> = None;
    let mut passed = Vec::new();
    for (index, (_, manifest)) in kept.iter().enumerate() {
        let BrokenFiles { state, rest } = check_files(store, manifest, &lengths, &old, &mut verified);
        let can_be_shed = rest.iter().any(|finding| !old.contains(&finding.object));
        passed.push([&state[..], &rest[..]].concat());
        if state.is_empty() && best.as_ref().is_none_or(|(_, least)| rest.len() < least.len()) {
            best = Some((index, rest));
            if !can_be_shed {
                break;
            }
        }
    }
    let (first, damaged) = best.unwrap_or((kept.len(), Vec::new()));
    for finding in passed.into_iter().take(first).flatten() {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    kept.drain(..first);
    Ok(Loaded { kept, findings, damaged, verified })
}

/// The manifests that `head` names, newest first, and what is wrong with others.
pub(super) fn manifests(store: &dyn Store, head: &ChainHead) -> Result<(Vec<NamedManifest>, Vec<Finding>), Error> {
    let mut findings = Vec::new();
    let mut kept = Vec::new();
    for (index, reference) in head.manifests.iter().enumerate() {
        let before = head.manifests.get(index + 1).map(|reference| reference.digest);
        match manifest(store, head, reference, before) {
            Ok(manifest) => kept.push((reference.clone(), manifest)),
            Err(Error::Corrupt(finding)) => findings.push(finding),
            Err(error) => return Err(error),
        }
    }
    Ok((kept, findings))
}

/// A manifest as a head names it.
pub(super) type NamedManifest = (ManifestRef, Manifest);

/// The bytes of an object if they have the sealed length and digest.
pub(super) fn sealed(store: &dyn Store, name: &str, length: u64, digest: &Digest) -> Result<Vec<u8>, Finding> {
    let bytes = match store.read(name) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(Finding::new(name, ObjectProblem::Missing)),
        Err(error) => return Err(unreadable(name, &error)),
    };
    if bytes.len() as u64 != length {
        return Err(Finding::new(name, ObjectProblem::Length { expected: length, found: bytes.len() as u64 }));
    }
    let found = Digest::of(&bytes);
    if found != *digest {
        return Err(Finding::new(name, ObjectProblem::Digest { expected: digest.to_string(), found }));
    }
    Ok(bytes)
}

pub(super) fn unreadable(name: &str, error: &StoreError) -> Finding {
    Finding::new(name, ObjectProblem::Unreadable { reason: error.to_string() })
}

fn manifest(
    store: &dyn Store,
    head: &ChainHead,
    reference: &ManifestRef,
    before: Option<Digest>,
) -> Result<Manifest, Error> {
    let bytes = sealed(store, &reference.name, reference.length, &reference.digest).map_err(Error::Corrupt)?;
    let manifest: Manifest = record::decode(&reference.name, &bytes)?;
    // The digest vouches for the bytes; these catch a head that names the wrong manifest.
    let digest = |digest: Option<Digest>| digest.map_or("none".to_owned(), |digest| digest.to_string());
    let fields = [
        ("partition", head.partition.clone(), manifest.partition.clone()),
        ("lineage", head.lineage.clone(), manifest.lineage.clone()),
        ("epoch", reference.epoch.to_string(), manifest.epoch.to_string()),
        // The oldest one kept continues one that is no longer named.
        ("previous", digest(before.or(manifest.previous)), digest(manifest.previous)),
    ];
    for (field, expected, found) in fields {
        if expected != found {
            let problem = ObjectProblem::Mismatch { field, expected, found };
            return Err(Error::Corrupt(Finding::new(&reference.name, problem)));
        }
    }
    Ok(manifest)
}

/// What is broken among the files of a checkpoint.
struct BrokenFiles {
    /// Of what it needs to go on from.
    state: Vec<Finding>,
    /// Of the rest: history, and messages.
    rest: Vec<Finding>,
}

/// Compares the files of a checkpoint.
///
/// State is compared byte for byte, and so is what is to be published. So are results and kept events that falling back
/// can shed; of those that every kept checkpoint names (in the long run nearly all of them) presence and length are
/// checked here, and the bytes at every read.
fn check_files(
    store: &dyn Store,
    manifest: &Manifest,
    lengths: &BTreeMap<String, u64>,
    old: &BTreeSet<String>,
    verified: &mut BTreeSet<String>,
) -> BrokenFiles {
    let mut broken = BrokenFiles { state: Vec::new(), rest: Vec::new() };
    for file in &manifest.files {
        // What lies in tables may be far away, and many files: it is compared at every read.
        if verified.contains(&file.name) || file.kind == FileKind::History {
            continue;
        }
        let found = match lengths.get(&file.name) {
            Some(found) if file.kind.is_history() && old.contains(&file.name) => match *found == file.length {
                true => None,
                false => Some(ObjectProblem::Length { expected: file.length, found: *found }),
            },
            None if file.kind.is_history() && old.contains(&file.name) => Some(ObjectProblem::Missing),
            Some(_) | None => match sealed(store, &file.name, file.length, &file.digest) {
                Ok(_) => {
                    verified.insert(file.name.clone());
                    None
                }
                Err(finding) => Some(finding.problem),
            },
        };
        let to = if file.kind.is_state() { &mut broken.state } else { &mut broken.rest };
        to.extend(found.map(|problem| Finding::new(&file.name, problem)));
    }
    broken
}

fn names(manifest: &Manifest) -> BTreeSet<String> {
    manifest.files.iter().map(|file| file.name.clone()).collect()
}

fn lengths(store: &dyn Store) -> Result<BTreeMap<String, u64>, Error> {
    let mut entries = store.list(FileKind::Result.folder())?;
    entries.extend(store.list(FileKind::Kept.folder())?);
    Ok(entries.into_iter().map(|entry| (entry.name, entry.length)).collect())
}
