//! The decisions of the protocol, pure: facts in, decision out. All I/O is elsewhere, and only obeys.
//!
//! What carries the proof that at most one of two commits wins and that a stalled writer is never told "yes":
//!
//! * Heads are created exclusively and the newest is never deleted, so as long as a name exists, one writer holds it.
//! * A name that was deleted can be created again by a writer that slept; but then a higher head exists. So after *every*
//!   create, whatever it answered, the writer reads its head, lists, and reads the newest: only its own head as the newest
//!   counts ([`verdict`]).
//! * A listing may miss heads that are made or deleted while it runs. It started after the own head stood, so a higher head
//!   that stood then can only be missed if it was deleted meanwhile; whoever deletes it lists after the own head stood and
//!   deletes in ascending order, so the own head went first, and reading it back after the listing does not find it.
//! * A create that got no answer may still arrive. Tried again it could arrive twice, once on each side of a deletion, so a
//!   head that is not there afterwards ends the writer ([`Verdict::Absent`]).
//!
//! Rejected: taking success of the exclusive create as the answer (a collector may have freed the name), a lock file
//! (a frozen holder blocks its successor), ownership from the absence of a name.

use std::fmt;

use super::digest::Digest;
use super::names::Stamp;
use super::record::{Epoch, Generation};

/// How many checkpoints a head names, and so can be fallen back to.
pub const CHECKPOINTS_KEPT: usize = 3;
/// How many of the newest heads the collector leaves, so that a damaged newest one can be fallen back from.
pub const HEADS_KEPT: u64 = 4;

/// What an opener saw. Genesis and files must be looked at *before* the heads: each of them is made after a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenerFacts {
    /// There is a genesis.
    pub genesis: bool,
    /// There is any manifest or file of a checkpoint.
    pub files: bool,
    /// Number of the newest head.
    pub newest_head: Option<u64>,
}

/// What to do with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenDecision {
    /// Nothing was ever here: make head 0, then genesis.
    New,
    /// Take over from this head, and complete genesis if it is missing.
    TakeOver {
        /// Number of the newest head.
        newest: u64,
    },
    /// Something was here and its heads are gone: stop.
    Lost(JobLoss),
}

/// How a job can be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobLoss {
    /// A genesis without any head.
    Heads,
    /// Files of checkpoints with neither a head nor a genesis.
    HeadsAndGenesis,
}

impl fmt::Display for JobLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JobLoss::Heads => "the checkpoints are lost: there is a genesis and no head; this is not an empty place",
            JobLoss::HeadsAndGenesis => {
                "the checkpoints are lost: there are files of checkpoints, no head and no genesis; this is not an empty place"
            }
        })
    }
}

/// What an opener does after looking around.
pub fn start(seen: &OpenerFacts) -> OpenDecision {
    match seen {
        OpenerFacts { newest_head: Some(newest), .. } => OpenDecision::TakeOver { newest: *newest },
        OpenerFacts { genesis: true, .. } => OpenDecision::Lost(JobLoss::Heads),
        OpenerFacts { files: true, .. } => OpenDecision::Lost(JobLoss::HeadsAndGenesis),
        OpenerFacts { .. } => OpenDecision::New,
    }
}

/// A head as far as ownership goes: its number, and the digest of all its bytes (which hold the writer and generation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Place in the chain.
    pub number: u64,
    /// Digest of the whole object.
    pub digest: Digest,
}

/// Whose the place is after a create, whatever the create answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The claim is the newest head: it counts.
    Mine,
    /// Another head stands at the claim's number or above it: it does not count, now or ever.
    Theirs,
    /// The claim is not there and nothing is above it. It may still arrive: the writer stops without knowing.
    Absent,
}

/// Compares a claim with the newest head read back after the create.
pub fn verdict(claim: &Claim, newest: Option<&Claim>) -> Verdict {
    match newest {
        Some(head) if head == claim => Verdict::Mine,
        Some(head) if head.number >= claim.number => Verdict::Theirs,
        _ => Verdict::Absent,
    }
}

/// What is known of a chain when its last good head is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Generation and epoch of the newest readable head.
    pub head: Stamp,
    /// How many newer heads exist that cannot be read. Each may have raised the generation or the epoch by one.
    pub unreadable: u64,
    /// The highest generation and the highest epoch in the names of manifests and files (0 without any).
    pub highest: Stamp,
}

/// The generation and epoch of the head that takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Succession {
    /// What the new head carries.
    pub stamp: Stamp,
    /// Names exist that no owner up to the newest head can have made: the heads were rolled back.
    pub rolled_back: bool,
}

/// The next ownership: above everything that ever was, so that no name is made twice.
pub fn succession(chain: &Chain) -> Succession {
    let Chain { head, unreadable, highest } = *chain;
    let bound = Stamp { generation: head.generation + unreadable, epoch: head.epoch + unreadable };
    // An owner that died before its commit leaves files of the epoch after the head's: that is no roll-back.
    let rolled_back = highest.generation > bound.generation || highest.epoch > bound.epoch + 1;
    let epoch = if rolled_back { bound.epoch.max(highest.epoch) } else { bound.epoch };
    Succession { stamp: Stamp { generation: bound.generation.max(highest.generation) + 1, epoch }, rolled_back }
}

/// What a collector knows before it classifies anything. It must own the newest head at that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// Number of its own head.
    pub head: u64,
    /// Its own generation.
    pub generation: Generation,
    /// Epoch of the oldest checkpoint that its head names.
    pub oldest_epoch: Epoch,
    /// How many of the newest heads stay, its own included; at least 1. See [`HEADS_KEPT`].
    pub heads_kept: u64,
}

/// What a collector may do with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectClass {
    /// Named by a kept checkpoint, or on its way into one.
    Needed,
    /// Not named, but not older than everything kept: left for a later collection, or for a newer owner.
    Recent,
    /// Not named and older than everything kept.
    Garbage,
    /// A name that no writer makes: never touched.
    Foreign,
}

/// Classifies a manifest or a file; `needed`: a kept checkpoint names it or this writer has put it for a coming one.
pub fn classify(horizon: &Horizon, stamp: Option<Stamp>, needed: bool) -> ObjectClass {
    match stamp {
        _ if needed => ObjectClass::Needed,
        None => ObjectClass::Foreign,
        Some(Stamp { generation, epoch }) if generation <= horizon.generation && epoch < horizon.oldest_epoch => {
            ObjectClass::Garbage
        }
        Some(_) => ObjectClass::Recent,
    }
}

/// Classifies a head by its number; garbage heads must be deleted in ascending order.
pub fn classify_head(horizon: &Horizon, number: Option<u64>) -> ObjectClass {
    match number {
        None => ObjectClass::Foreign,
        Some(number) if number > horizon.head => ObjectClass::Recent,
        Some(number) if horizon.head - number >= horizon.heads_kept => ObjectClass::Garbage,
        Some(_) => ObjectClass::Needed,
    }
}

/// Classifies a half-made object by the number of the head that it was to become.
///
/// One that was to become a head up to the collector's own can no longer win; a newer one may be about to.
pub fn classify_temporary(horizon: &Horizon, head: Option<u64>) -> ObjectClass {
    match head {
        None => ObjectClass::Foreign,
        Some(number) if number > horizon.head => ObjectClass::Recent,
        Some(_) => ObjectClass::Garbage,
    }
}
