//! Who should own which partition: rendezvous hashing with an upper bound on everybody's load.
//!
//! Every member computes the same from the same list of live members, without asking anybody. A partition goes to the
//! member with the highest hash of the two names that is not full yet; so a member that leaves or joins moves little
//! beyond its own share, and no member has more than one partition above the mean.

use std::collections::{BTreeMap, BTreeSet};

/// The owners that `partitions` should have: for each partition the ids of the members that can own it.
///
/// A partition that nobody can own is left out.
pub(crate) fn share<'a, P: Ord + Clone + AsRef<str>>(
    partitions: impl IntoIterator<Item = (P, BTreeSet<&'a str>)>,
) -> BTreeMap<P, &'a str> {
    let all: BTreeMap<P, BTreeSet<&'a str>> = partitions.into_iter().collect();
    let members: BTreeSet<&str> = all.values().flatten().copied().collect();
    if members.is_empty() {
        return BTreeMap::new();
    }
    let full = all.values().filter(|able| !able.is_empty()).count().div_ceil(members.len());
    let mut load: BTreeMap<&str, usize> = BTreeMap::new();
    let mut owners = BTreeMap::new();
    for (partition, able) in all {
        let mut ranked: Vec<(u64, &str)> = able.into_iter().map(|id| (rank(partition.as_ref(), id), id)).collect();
        ranked.sort_unstable_by(|a, b| b.cmp(a));
        let has_room = |id: &str| load.get(id).copied().unwrap_or(0) < full;
        // Where all that can own it are full, because others cannot, the first in rank takes it all the same.
        let owner = ranked.iter().map(|(_, id)| *id).find(|id| has_room(id)).or(ranked.first().map(|(_, id)| *id));
        if let Some(owner) = owner {
            *load.entry(owner).or_default() += 1;
            owners.insert(partition, owner);
        }
    }
    owners
}

fn rank(partition: &str, member: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(partition.as_bytes()).update(&[0]).update(member.as_bytes());
    let hash = hasher.finalize();
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a digest has more than eight bytes"))
}
