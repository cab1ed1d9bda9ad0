//! Looking at a partition without owning it. **Invariant:** nothing here writes, not even a missing folder.

use std::collections::BTreeSet;

use super::error::{Error, Finding, ObjectProblem};
use super::load;
use super::names::{self, FileKind, Stamp};
use super::open;
use super::protocol::{self, Chain, JobLoss, OpenDecision};
use super::record::{ChainHead, Manifest, Owner};
use super::store::Store;
use super::swap::{self, ATTEMPTS};

/// Who owns a partition now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nothing was ever here.
    New,
    /// It was given up.
    Released,
    /// The maker of the newest whole head.
    Owner(Owner),
    /// It is lost, or no head is whole: an opener says what is wrong.
    Unknown,
}

/// Who owns the partition in `store`: a listing and one read in the usual case.
pub fn holder(store: &dyn Store) -> Result<Holder, Error> {
    let Some(newest) = swap::numbers(store)?.last().copied() else {
        let any = store.read(names::GENESIS)?.is_some();
        return Ok(if any { Holder::Unknown } else { Holder::New });
    };
    let whole = open::last_whole_head(store, newest, &mut Vec::new())?;
    Ok(whole.map_or(Holder::Unknown, |(_, head)| match head.released {
        true => Holder::Released,
        false => Holder::Owner(head.owner),
    }))
}

/// What a partition holds, as an opener would find it now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inspection {
    /// The newest whole head; `None` for a place where nothing ever was, or that is lost.
    pub head: Option<ChainHead>,
    /// How the job is lost, if it is.
    pub lost: Option<JobLoss>,
    /// The checkpoints that an opener could use, newest first.
    pub kept: Vec<Manifest>,
    /// What is broken or suspicious. A missing genesis is one here, although an opener completes it.
    pub findings: Vec<Finding>,
    /// What of the rest that the first of `kept` names is missing or broken, as far as an opener would see.
    pub damaged: Vec<Finding>,
    /// Manifests and files that no kept checkpoint names; leftovers, or on their way into the next one.
    pub unnamed: Vec<String>,
}

/// Looks at the partition in `store`; an owner may go on working meanwhile.
pub fn inspect(store: &dyn Store) -> Result<Inspection, Error> {
    let mut last = Inspection::default();
    for _ in 0..ATTEMPTS {
        let around = open::look(store)?;
        last = match protocol::start(&around.seen) {
            OpenDecision::New => return Ok(Inspection::default()),
            OpenDecision::Lost(lost) => Inspection { lost: Some(lost), ..Inspection::default() },
            OpenDecision::TakeOver { newest } => inspect_from(store, newest, &around)?,
        };
        // What seems broken may have been collected by the owner since: look again if it has moved on.
        let clean = last.findings.is_empty() && last.damaged.is_empty() && last.lost.is_none();
        if clean || swap::numbers(store)?.last().copied() == around.seen.newest_head && last.lost.is_none() {
            break;
        }
    }
    Ok(last)
}

/// The newest checkpoint as an opener would find it, as far as that is known without reading its files; `None` where
/// none was ever committed. An error is why there is none that can be opened.
pub fn peek(store: &dyn Store) -> Result<Option<Manifest>, Error> {
    let mut lost = None;
    for _ in 0..ATTEMPTS {
        let around = open::look(store)?;
        let newest = match protocol::start(&around.seen) {
            OpenDecision::New => return Ok(None),
            OpenDecision::TakeOver { newest } => newest,
            OpenDecision::Lost(how) => {
                lost = Some(how);
                continue;
            }
        };
        let mut findings = Vec::new();
        let head = open::last_whole_head(store, newest, &mut findings)?;
        if let Some((_, head)) = &head {
            open::check_genesis(&around, head)?;
            let (manifests, broken) = load::manifests(store, head)?;
            if let Some((_, newest)) = manifests.into_iter().next() {
                return Ok(Some(newest));
            }
            if head.manifests.is_empty() && newest == head.number {
                return Ok(None);
            }
            findings.extend(broken);
        }
        // What seems broken may have been collected by the owner since.
        if swap::numbers(store)?.last() == Some(&newest) {
            return Err(Error::Damaged { findings });
        }
        lost = None;
    }
    Err(lost.map_or(Error::Contended { object: names::HEADS.to_owned(), attempts: ATTEMPTS }, Error::Lost))
}

fn inspect_from(store: &dyn Store, newest: u64, around: &open::PlaceContents) -> Result<Inspection, Error> {
    let mut findings = Vec::new();
    let Some((_, head)) = open::last_whole_head(store, newest, &mut findings)? else {
        return Ok(Inspection { findings, ..Inspection::default() });
    };
    findings.extend(open::check_genesis(around, &head)?);
    if !around.seen.genesis {
        findings.push(Finding::new(names::GENESIS, ObjectProblem::Missing));
    }
    let stamp = Stamp { generation: head.owner.generation, epoch: head.epoch };
    let chain = Chain { head: stamp, unreadable: newest - head.number, highest: around.highest };
    if protocol::succession(&chain).rolled_back {
        let problem = ObjectProblem::RolledBack { generation: stamp.generation, epoch: stamp.epoch };
        findings.push(Finding::new(names::head(head.number), problem));
    }
    let loaded = load::load(store, &head)?;
    findings.extend(loaded.findings);

    let named: BTreeSet<&str> = loaded
        .kept
        .iter()
        .flat_map(|(reference, manifest)| {
            manifest.files.iter().map(|file| file.name.as_str()).chain([reference.name.as_str()])
        })
        .collect();
    let mut unnamed = Vec::new();
    for folder in [names::MANIFESTS].into_iter().chain(FileKind::IN_STATE.map(FileKind::folder)) {
        let entries = store.list(folder)?.into_iter().map(|entry| entry.name);
        unnamed.extend(entries.filter(|name| !named.contains(name.as_str())));
    }
    let kept = loaded.kept.iter().map(|(_, manifest)| manifest.clone()).collect();
    Ok(Inspection { head: Some(head), lost: None, kept, findings, damaged: loaded.damaged, unnamed })
}
