//! The one atomic step: making the next head, and finding out whose it is.

use super::digest::Digest;
use super::error::{Error, Finding};
use super::names;
use super::protocol::{self, Claim, Verdict};
use super::record::{self, ChainHead, Owner};
use super::store::Store;

/// How often a look is repeated that others' steps have overtaken. More than one writer at a time is the rare case.
pub(super) const ATTEMPTS: u32 = 8;

/// The outcome of a swap.
pub(super) enum Swapped {
    /// The head is the newest; its digest.
    Mine(Digest),
    /// Another writer's head is there or above.
    Theirs(Option<Owner>),
}

/// Makes `head` the newest of the chain, or says whose is.
///
/// An error leaves it open whether the head was or will be made; the same head must not be tried again.
pub(super) fn swap(store: &dyn Store, head: &ChainHead) -> Result<Swapped, Error> {
    let name = names::head(head.number);
    let bytes = record::encode(head);
    let claim = Claim { number: head.number, digest: Digest::of(&bytes) };
    // Whatever this answers, only what is there afterwards counts.
    store.create(&name, &bytes)?;
    // The head must be seen to stand before the listing starts; see `protocol`.
    let standing = store.read(&name)?;
    if let Some(found) = standing.as_ref().filter(|found| **found != bytes) {
        return Ok(Swapped::Theirs(decode(head.number, found).ok().map(|head| head.owner)));
    }
    let newest = newest(store)?;
    match protocol::verdict(&claim, newest.as_ref().map(|newest| &newest.claim)) {
        Verdict::Mine if standing.is_some() => Ok(Swapped::Mine(claim.digest)),
        Verdict::Theirs => Ok(Swapped::Theirs(newest.and_then(|newest| newest.owner()))),
        Verdict::Mine | Verdict::Absent => Err(Error::Unclear { object: name }),
    }
}

/// The newest head as it was read.
pub(super) struct Newest {
    pub(super) claim: Claim,
    bytes: Vec<u8>,
}

impl Newest {
    /// The head in it, if it is whole.
    pub(super) fn head(&self) -> Result<ChainHead, Error> {
        decode(self.claim.number, &self.bytes)
    }

    /// Who made it, if it is whole.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.head().ok().map(|head| head.owner)
    }
}

/// Lists the heads and reads the newest of them.
pub(super) fn newest(store: &dyn Store) -> Result<Option<Newest>, Error> {
    for _ in 0..ATTEMPTS {
        let Some(&number) = numbers(store)?.last() else {
            return Ok(None);
        };
        if let Some(bytes) = store.read(&names::head(number))? {
            return Ok(Some(Newest { claim: Claim { number, digest: Digest::of(&bytes) }, bytes }));
        }
        // Deleted since the listing, so others have moved on meanwhile.
    }
    Err(Error::Contended { object: names::HEADS.to_owned(), attempts: ATTEMPTS })
}

/// Numbers of all heads, ascending.
pub(super) fn numbers(store: &dyn Store) -> Result<Vec<u64>, Error> {
    let mut numbers: Vec<u64> =
        store.list(names::HEADS)?.iter().filter_map(|entry| names::head_number(&entry.name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The head in `bytes`, which were read under `number`.
pub(super) fn decode(number: u64, bytes: &[u8]) -> Result<ChainHead, Error> {
    let name = names::head(number);
    let head: ChainHead = record::decode(&name, bytes)?;
    if head.number != number {
        let problem = super::error::ObjectProblem::Mismatch {
            field: "number",
            expected: number.to_string(),
            found: head.number.to_string(),
        };
        return Err(Error::Corrupt(Finding::new(name, problem)));
    }
    Ok(head)
}
