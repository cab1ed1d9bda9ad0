//! What can go wrong, sorted by what the caller must do about it.

use crate::code::StateCode;
use thiserror::Error;

use super::digest::Digest;
use super::protocol::JobLoss;
use super::record::Owner;
use super::store::StoreError;

/// Why a call on a checkpoint directory failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The store refused or failed; where it was a write, the writer is poisoned from now on.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another writer owns the partition now. Stop working on it; nothing of this writer counts any more.
    #[error("fenced: {}", fenced_by(.by.as_ref()))]
    Fenced {
        /// The owner read from the newest head; `None` where that head could not be read.
        by: Option<Owner>,
    },
    /// The partition is owned by another writer than those that it may be taken over from. Nothing was written.
    #[error("{} owns the partition (generation {})", .by.writer, .by.generation)]
    Held {
        /// The owner.
        by: Owner,
    },
    /// An earlier write failed, so what is on the disk is unknown. The process must stop and recover by opening anew.
    #[error("the checkpoint writer stopped at an earlier failure: {cause}")]
    Poisoned {
        /// The first failure, in words.
        cause: String,
        /// What the system said, where it was a write that failed.
        kind: Option<std::io::ErrorKind>,
    },
    /// The place once held a job and its heads are gone. Never treated as a new, empty one.
    #[error("[{code}] {0}", code = StateCode::Broken)]
    Lost(JobLoss),
    /// The objects here belong to another partition or another job.
    #[error("{object} belongs to {found:?}, not to {expected:?}")]
    WrongPlace {
        /// The object read.
        object: String,
        /// What was asked for (partition or lineage).
        expected: String,
        /// What the object says.
        found: String,
    },
    /// Another version of the program wrote this; nothing was touched.
    #[error("[{}] {object} has format {found}, and this program knows format {known}; {}", StateCode::Format, StateCode::Format.help())]
    Format {
        /// The object read.
        object: String,
        /// Its format number.
        found: u64,
        /// The only number known here.
        known: u64,
    },
    /// None of the kept checkpoints is whole. Nothing was deleted; every finding says what is broken.
    #[error("[{}] no usable checkpoint: {}", StateCode::Broken, join(.findings))]
    Damaged {
        /// All that was found broken, newest checkpoint first.
        findings: Vec<Finding>,
    },
    /// One object is missing or does not have the bytes that were sealed.
    #[error("[{code}] {0}", code = StateCode::Broken)]
    Corrupt(Finding),
    /// A version of the deployed programs was there, and is not any more.
    #[error("[{}] {object} is missing, and was there", StateCode::NoVersion)]
    NoVersion {
        /// Its name within the job's state.
        object: String,
    },
    /// A commit names a file that is neither in a kept checkpoint nor put by this writer, or names one twice.
    #[error("the checkpoint names {name}, which {reason}")]
    BadFile {
        /// The name in the commit.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A stem is 1 to 64 of `a`-`z`, `0`-`9`, `_`, and `-`.
    #[error("{stem:?} cannot be part of a file name (1 to 64 of a-z, 0-9, _ and -)")]
    BadStem {
        /// The stem given.
        stem: String,
    },
    /// Other writers were quicker every time. Nothing is owned; trying again is safe.
    #[error("other writers were quicker at {object} in {attempts} attempts")]
    Contended {
        /// What was to be made or read.
        object: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The store gave no answer to a create, and what was to be made is not there (yet). The process must stop; a new one,
    /// under a new writer's name, finds out.
    #[error("no answer whether {object} was made")]
    Unclear {
        /// The object that was to be made.
        object: String,
    },
    /// The deployed programs changed since `expected` was read. Load them and decide again.
    #[error("the programs are at version {current}, not {expected}")]
    Conflict {
        /// The version the caller had.
        expected: u64,
        /// The version that is there.
        current: u64,
    },
}

/// One object that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{object}: {problem}")]
pub struct Finding {
    /// The object's name in the store.
    pub object: String,
    /// What is wrong with it.
    pub problem: ObjectProblem,
}

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ObjectProblem {
    /// It is named by something that counts, and is not there.
    #[error("missing")]
    Missing,
    /// The store could not read it.
    #[error("unreadable: {reason}")]
    Unreadable {
        /// The store's error.
        reason: String,
    },
    /// It has another length than was sealed, in bytes.
    #[error("{found} bytes long, sealed with {expected} (first difference at the latest at byte {})", .found.min(.expected))]
    Length {
        /// The sealed length.
        expected: u64,
        /// The length found.
        found: u64,
    },
    /// Its bytes are not the sealed ones.
    #[error("its digest is {found}, sealed with {expected}")]
    Digest {
        /// The sealed digest, as written.
        expected: String,
        /// The digest of the bytes found.
        found: Digest,
    },
    /// Its bytes do not have the form of such an object.
    #[error("malformed at byte {offset}: {reason}")]
    Malformed {
        /// Where, in bytes from its start.
        offset: u64,
        /// In words.
        reason: String,
    },
    /// It is whole, but says something else than what names it.
    #[error("says {field} {found}, where {expected} was expected")]
    Mismatch {
        /// The field.
        field: &'static str,
        /// What the namer says.
        expected: String,
        /// What the object says.
        found: String,
    },
    /// It is newer than the newest head allows: older heads were put back, or newer ones removed.
    #[error("newer than the newest head (generation {generation}, epoch {epoch}): the heads were rolled back")]
    RolledBack {
        /// Generation of the newest readable head.
        generation: u64,
        /// Epoch of the newest readable head.
        epoch: u64,
    },
}

impl Finding {
    pub(super) fn new(object: impl Into<String>, problem: ObjectProblem) -> Finding {
        Finding { object: object.into(), problem }
    }
}

fn fenced_by(by: Option<&Owner>) -> String {
    match by {
        Some(owner) => format!("{} took the partition over (generation {})", owner.writer, owner.generation),
        None => "another writer took the partition over".to_owned(),
    }
}

fn join(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
