//! Who is alive, from listings of counters.
//!
//! Time is what the observer has watched: between two looks no more than [`AWAKE`] counts, however long they are apart.
//! So one that was frozen does not hold all others for dead when it wakes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A counter that stood still so long belongs to a dead member.
pub(crate) const SILENCE: Duration = Duration::from_secs(3);
/// The most that counts as watched between two looks.
pub(crate) const AWAKE: Duration = Duration::from_secs(1);
/// An entry of a member that is dead so long is only rubbish.
pub(crate) const FORGOTTEN: Duration = Duration::from_secs(60);

/// What an observer holds of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberLiveness {
    /// Its counter was seen to move, lately.
    Live,
    /// It was not watched for long enough.
    Unsure,
    /// It is gone.
    Dead,
}

/// What an observer remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Liveness {
    /// Time watched so far.
    watched: Duration,
    last_look: Option<Duration>,
    sightings: BTreeMap<String, Sighting>,
}

#[derive(Clone, Debug)]
struct Sighting {
    counter: u64,
    /// When it was first seen or last moved, in time watched.
    since: Duration,
    /// Whether it was ever seen to move.
    moved: bool,
    /// In how many looks in a row it was not listed.
    missed: u32,
    /// Known to be gone by other means.
    gone: bool,
}

impl Liveness {
    /// Takes in a listing, made at `now` of the observer's monotonic clock. `gone` are members whose process is known to
    /// have ended.
    pub(crate) fn look(&mut self, now: Duration, listed: &BTreeMap<String, u64>, gone: &BTreeSet<String>) {
        let since_last = self.last_look.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        self.last_look = Some(now);
        self.watched += since_last.min(AWAKE);
        for (id, counter) in listed {
            let fresh = Sighting { counter: *counter, since: self.watched, moved: false, missed: 0, gone: false };
            let sighting = self.sightings.entry(id.clone()).or_insert(fresh);
            sighting.missed = 0;
            if *counter > sighting.counter {
                (sighting.counter, sighting.since, sighting.moved) = (*counter, self.watched, true);
            }
        }
        for (id, sighting) in &mut self.sightings {
            if !listed.contains_key(id) {
                sighting.missed += 1;
            }
            sighting.gone |= gone.contains(id);
        }
        // A listing may miss an entry that is being replaced, but not twice in a row.
        self.sightings.retain(|_, sighting| sighting.missed < 2);
    }

    /// Takes in that an owner is named somewhere: one that has no entry begins to be watched for one.
    pub(crate) fn life(&self, id: &str) -> MemberLiveness {
        match self.sightings.get(id) {
            Some(sighting) if sighting.gone || self.watched - sighting.since >= SILENCE => MemberLiveness::Dead,
            Some(sighting) if sighting.moved => MemberLiveness::Live,
            Some(_) => MemberLiveness::Unsure,
            // An owner keeps an entry from before it claims anything until after it has released everything.
            None if self.looks_enough() => MemberLiveness::Dead,
            None => MemberLiveness::Unsure,
        }
    }

    /// The members known to be alive.
    #[cfg(test)]
    pub(crate) fn live(&self) -> impl Iterator<Item = &str> {
        self.sightings.keys().map(String::as_str).filter(|id| self.life(id) == MemberLiveness::Live)
    }

    /// Members that have been dead for so long that their entries may be deleted.
    pub(crate) fn forgotten(&self) -> impl Iterator<Item = &str> {
        let old = |sighting: &Sighting| self.watched - sighting.since >= FORGOTTEN;
        self.sightings.iter().filter(move |(_, sighting)| old(sighting)).map(|(id, _)| id.as_str())
    }

    /// Whether at least two listings were seen, half a second of watching apart.
    fn looks_enough(&self) -> bool {
        self.watched >= Duration::from_millis(500)
    }
}
