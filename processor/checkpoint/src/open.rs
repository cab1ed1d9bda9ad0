//! Opening a partition for writing: look, take over by one swap, and only then load what the head names.
//!
//! The swap comes before the loading, because an owner that still lives may collect what is being loaded. Up to the swap
//! nothing is written. Whatever is broken is reported and stays where it is.

use std::sync::Arc;

use super::digest::Digest;
use super::error::{Error, Finding, ObjectProblem};
use super::load;
use super::names::{self, FileKind, Stamp};
use super::protocol::{self, Chain, OpenDecision, OpenerFacts};
use super::record::{self, ChainHead, FORMAT, Genesis, Manifest, Owner};
use super::store::Store;
use super::swap::{self, ATTEMPTS, Swapped};
use super::writer::Checkpoints;

/// Who opens what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterIdentity {
    /// The partition, as the job calls it. A place that holds another one is refused.
    pub partition: String,
    /// A name that no other run of any process ever has (host, process id and start time, say).
    pub writer: String,
}

/// A partition that this writer owns now.
pub struct Opened {
    /// To write the next checkpoints and read the files of this one.
    pub checkpoints: Checkpoints,
    /// The newest whole checkpoint; `None` only where none was ever committed.
    pub recovered: Option<Manifest>,
    /// What was found broken or suspicious on the way. Not empty means: tell the user, every line of it.
    pub findings: Vec<Finding>,
    /// What of the rest that the checkpoint names is missing or broken, as far as it was looked at. The state is whole.
    pub damaged: Vec<Finding>,
    /// Who owned the partition before.
    pub predecessor: Option<Owner>,
}

/// Whom a partition may be taken over from. One that nobody ever had, or that was released, may be taken by anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeFrom {
    /// Whoever has it.
    Anybody,
    /// Just this owner, which the caller holds for dead.
    Owner(Owner),
    /// A writer of this name, which is the caller itself in an earlier generation.
    Writer(String),
    /// Nobody who has it.
    Nobody,
}

impl TakeFrom {
    fn allows(&self, old: &ChainHead) -> bool {
        old.released
            || match self {
                TakeFrom::Anybody => true,
                TakeFrom::Owner(owner) => *owner == old.owner,
                TakeFrom::Writer(writer) => *writer == old.owner.writer,
                TakeFrom::Nobody => false,
            }
    }
}

impl Checkpoints {
    /// Takes the partition in `store` over from whoever has it, or starts it where nothing ever was.
    ///
    /// The owner before, if it still lives, is fenced from here on. With [`Error::Damaged`] or [`Error::Lost`] nothing was
    /// deleted, and an older copy of the missing objects can be put back.
    pub fn open(store: Arc<dyn Store>, identity: &WriterIdentity) -> Result<Opened, Error> {
        Checkpoints::claim(store, identity, &TakeFrom::Anybody)
    }

    /// As [`open`](Checkpoints::open), but takes over only `from` these; [`Error::Held`] where another has it.
    ///
    /// The owner looked at and the owner taken over from are the same one, however many claim at a time: each swap is of
    /// the very head that was judged.
    pub fn claim(store: Arc<dyn Store>, identity: &WriterIdentity, from: &TakeFrom) -> Result<Opened, Error> {
        let mut lost = None;
        for _ in 0..ATTEMPTS {
            let around = look(&*store)?;
            let attempt = match protocol::start(&around.seen) {
                OpenDecision::New => found(&store, identity)?,
                OpenDecision::TakeOver { newest } => take_over(&store, identity, newest, &around, from)?,
                OpenDecision::Lost(how) => {
                    // A listing that ran while heads came and went can miss them all; one that is repeated does not.
                    lost = Some(how);
                    continue;
                }
            };
            if let Some(opened) = attempt {
                return Ok(opened);
            }
            lost = None;
        }
        Err(lost.map_or(Error::Contended { object: names::HEADS.to_owned(), attempts: ATTEMPTS }, Error::Lost))
    }
}

/// What lies in a place.
pub(super) struct PlaceContents {
    pub(super) seen: OpenerFacts,
    genesis: Option<Vec<u8>>,
    pub(super) highest: Stamp,
    /// The highest stamped name, to report.
    highest_name: Option<String>,
}

/// Looks around without touching anything; genesis and files first, see [`OpenerFacts`].
pub(super) fn look(store: &dyn Store) -> Result<PlaceContents, Error> {
    let genesis = store.read(names::GENESIS)?;
    let mut files = false;
    let mut highest = Stamp { generation: 0, epoch: 0 };
    let mut highest_name = None;
    for folder in [names::MANIFESTS].into_iter().chain(FileKind::IN_STATE.map(FileKind::folder)) {
        for entry in store.list(folder)? {
            files = true;
            if let Some(stamp) = names::stamp(&entry.name) {
                if stamp.generation > highest.generation || stamp.epoch > highest.epoch {
                    highest_name = Some(entry.name);
                }
                highest.generation = highest.generation.max(stamp.generation);
                highest.epoch = highest.epoch.max(stamp.epoch);
            }
        }
    }
    let newest_head = swap::numbers(store)?.last().copied();
    Ok(PlaceContents {
        seen: OpenerFacts { genesis: genesis.is_some(), files, newest_head },
        genesis,
        highest,
        highest_name,
    })
}

/// Starts a partition. `None`: another writer was quicker.
fn found(store: &Arc<dyn Store>, identity: &WriterIdentity) -> Result<Option<Opened>, Error> {
    let lineage = Digest::of(format!("{}\0{}", identity.partition, identity.writer).as_bytes()).to_string();
    let head = ChainHead {
        format: FORMAT,
        number: 0,
        partition: identity.partition.clone(),
        lineage,
        owner: Owner { writer: identity.writer.clone(), generation: 1 },
        epoch: 0,
        previous: None,
        manifests: Vec::new(),
        released: false,
    };
    let Swapped::Mine(digest) = swap::swap(&**store, &head)? else {
        return Ok(None);
    };
    complete_genesis(&**store, &head)?;
    let checkpoints = Checkpoints::new(Arc::clone(store), head, digest, Vec::new(), Default::default());
    Ok(Some(Opened { checkpoints, recovered: None, findings: Vec::new(), damaged: Vec::new(), predecessor: None }))
}

/// Takes over from the newest head that is whole. `None`: another writer was quicker.
fn take_over(
    store: &Arc<dyn Store>,
    identity: &WriterIdentity,
    newest: u64,
    around: &PlaceContents,
    from: &TakeFrom,
) -> Result<Option<Opened>, Error> {
    let mut findings = Vec::new();
    let Some((digest, old)) = last_whole_head(&**store, newest, &mut findings)? else {
        // If heads vanished because others moved on, another look finds theirs.
        let moved_on = swap::numbers(&**store)?.last() > Some(&newest);
        return if moved_on { Ok(None) } else { Err(Error::Damaged { findings }) };
    };
    if old.partition != identity.partition {
        let (expected, found) = (identity.partition.clone(), old.partition);
        return Err(Error::WrongPlace { object: names::head(old.number), expected, found });
    }
    if !from.allows(&old) {
        return Err(Error::Held { by: old.owner });
    }
    findings.extend(check_genesis(around, &old)?);

    let unreadable = newest - old.number;
    if unreadable > 0 && old.manifests.is_empty() {
        // The unreadable head may have named the first checkpoint: going on from nothing could lose it.
        return Err(Error::Damaged { findings });
    }
    let head_stamp = Stamp { generation: old.owner.generation, epoch: old.epoch };
    let next = protocol::succession(&Chain { head: head_stamp, unreadable, highest: around.highest });
    if next.rolled_back {
        let problem = ObjectProblem::RolledBack { generation: head_stamp.generation, epoch: head_stamp.epoch };
        findings.push(Finding::new(around.highest_name.clone().unwrap_or_default(), problem));
    }
    let head = ChainHead {
        format: FORMAT,
        released: false,
        number: newest + 1,
        owner: Owner { writer: identity.writer.clone(), generation: next.stamp.generation },
        epoch: next.stamp.epoch,
        previous: Some(digest),
        ..old.clone()
    };
    let Swapped::Mine(digest) = swap::swap(&**store, &head)? else {
        return Ok(None);
    };

    if around.genesis.is_none() {
        complete_genesis(&**store, &head)?;
        if old.number > 0 {
            findings.push(Finding::new(names::GENESIS, ObjectProblem::Missing));
        }
    }
    let loaded = load::load(&**store, &head)?;
    if !loaded.findings.is_empty() || !loaded.damaged.is_empty() {
        // What is gone may have been collected by a still newer owner: that is no damage.
        let now = swap::newest(&**store)?;
        if now.as_ref().map(|now| now.claim.digest) != Some(digest) {
            return Err(Error::Fenced { by: now.and_then(|now| now.owner()) });
        }
    }
    findings.extend(loaded.findings);
    if loaded.kept.is_empty() && !head.manifests.is_empty() {
        return Err(Error::Damaged { findings });
    }
    let recovered = loaded.kept.first().map(|(_, manifest)| manifest.clone());
    let checkpoints = Checkpoints::new(Arc::clone(store), head, digest, loaded.kept, loaded.verified);
    let damaged = loaded.damaged;
    Ok(Some(Opened { checkpoints, recovered, findings, damaged, predecessor: Some(old.owner) }))
}

/// The newest whole head at or below `newest`, with the digest of its bytes; `None` if there is none.
pub(super) fn last_whole_head(
    store: &dyn Store,
    newest: u64,
    findings: &mut Vec<Finding>,
) -> Result<Option<(Digest, ChainHead)>, Error> {
    let mut previous: Option<(String, Option<Digest>)> = None;
    let mut whole = None;
    let numbers: Vec<u64> = swap::numbers(store)?.into_iter().rev().filter(|number| *number <= newest).collect();
    // The newest may have been collected since it was listed; then it is missing like any other.
    for number in Some(newest).filter(|_| !numbers.contains(&newest)).into_iter().chain(numbers) {
        let name = names::head(number);
        let bytes = match store.read(&name) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                findings.push(Finding::new(name, ObjectProblem::Missing));
                continue;
            }
            Err(error) => {
                findings.push(load::unreadable(&name, &error));
                continue;
            }
        };
        let digest = Digest::of(&bytes);
        if let Some((successor, expected)) = previous.take() {
            // Only the link below the head that counts is of interest here.
            if let Some(expected) = expected.filter(|expected| *expected != digest) {
                let problem = ObjectProblem::Digest { expected: expected.to_string(), found: digest };
                findings.push(Finding::new(format!("{name} (as {successor} names it)"), problem));
            }
            break;
        }
        match swap::decode(number, &bytes) {
            Ok(head) => {
                previous = Some((name, head.previous));
                let follows = number > 0;
                whole = Some((digest, head));
                if !follows {
                    break;
                }
            }
            Err(Error::Corrupt(finding)) => findings.push(finding),
            Err(error) => return Err(error),
        }
    }
    Ok(whole)
}

/// What is wrong with the genesis of the chain that `head` belongs to; an error if it is another job's.
pub(super) fn check_genesis(around: &PlaceContents, head: &ChainHead) -> Result<Option<Finding>, Error> {
    let Some(bytes) = &around.genesis else {
        return Ok(None);
    };
    match record::decode::<Genesis>(names::GENESIS, bytes) {
        Ok(genesis) if genesis.lineage != head.lineage => Err(Error::WrongPlace {
            object: names::head(head.number),
            expected: genesis.lineage,
            found: head.lineage.clone(),
        }),
        Ok(_) => Ok(None),
        Err(Error::Corrupt(finding)) => Ok(Some(finding)),
        Err(error) => Err(error),
    }
}

/// Makes the genesis of a chain whose head this writer has just made.
fn complete_genesis(store: &dyn Store, head: &ChainHead) -> Result<(), Error> {
    let genesis = Genesis { format: FORMAT, partition: head.partition.clone(), lineage: head.lineage.clone() };
    let bytes = record::encode(&genesis);
    for _ in 0..ATTEMPTS {
        store.create(names::GENESIS, &bytes)?;
        match store.read(names::GENESIS)? {
            // The same whoever made it: it says nothing about its writer.
            Some(found) if found == bytes => return Ok(()),
            Some(found) => {
                let problem =
                    ObjectProblem::Digest { expected: Digest::of(&bytes).to_string(), found: Digest::of(&found) };
                return Err(Error::Corrupt(Finding::new(names::GENESIS, problem)));
            }
            None => {}
        }
    }
    Err(Error::Unclear { object: names::GENESIS.to_owned() })
}
