//! Which events have been seen already: a producer that resends after a lost answer writes them to the log twice.
//!
//! An event is a duplicate of an accepted one of the same key with the same value of the column, if their times are no
//! more than the window apart; with several sources, of one of the same source. Only accepted events are remembered, so what is dropped draws nothing else after it.
//!
//! **Invariant:** what is forgotten could not have mattered: an accepted event is not before the watermark, so no later
//! one is within the window of an event that is further behind the watermark than that. When exactly something is
//! forgotten is therefore seen by nobody.
//!
//! Key and value are known by 128 bits of BLAKE3, as everything that is durable here is known by it.

use std::collections::HashMap;
use timeline_core::Time;
use timeline_core::plan::{Dedup, Plan};

/// Entries below which nothing is swept.
const SWEEP_MIN: usize = 1 << 12;

/// What is remembered of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeenEvent {
    /// The hash of its key, which says the lane.
    pub hash: u64,
    /// Key and value.
    pub digest: u128,
    pub time: Time,
}

impl SeenEvent {
    pub(super) const BYTES: usize = 32;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.hash.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.digest.to_le_bytes());
        bytes[24..].copy_from_slice(&self.time.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (hash, rest) = bytes.split_first_chunk().expect("32 bytes");
        let (digest, rest) = rest.split_first_chunk().expect("24 bytes");
        let (time, _) = rest.split_first_chunk().expect("8 bytes");
        SeenEvent {
            hash: u64::from_le_bytes(*hash),
            digest: u128::from_le_bytes(*digest),
            time: Time::from_le_bytes(*time),
        }
    }
}

/// The events of the window.
#[derive(Debug)]
pub(super) struct Duplicates {
    /// For each source, if it has one.
    rules: Vec<Option<Dedup>>,
    /// The longest of their windows.
    within: Time,
    /// Times and key hashes by digest; nearly always one.
    seen: HashMap<u128, Vec<(Time, u64)>>,
    entries: usize,
    swept: usize,
    /// Since the last image.
    fresh: Vec<SeenEvent>,
}

impl Duplicates {
    /// Nothing if no source knows duplicates.
    pub(super) fn new(plan: &Plan) -> Option<Self> {
        let source_of = |rule: &Dedup| usize::from(plan.columns[rule.column.index()].source);
        let rule = |source| plan.dedup.iter().find(|rule| source_of(rule) == source).copied();
        let rules = (0..plan.sources().count()).map(rule).collect();
        let within = plan.dedup.iter().map(|rule| rule.within).max()?;
        Some(Duplicates { rules, within, seen: HashMap::new(), entries: 0, swept: SWEEP_MIN, fresh: vec![] })
    }

    /// The column that is compared, of a source that knows duplicates.
    pub(super) fn column(&self, source: u8) -> Option<usize> {
        self.rules[usize::from(source)].map(|rule| rule.column.index())
    }

    /// Whether an event is a duplicate; remembers it if not. `value` is the column's, of which types never mix.
    pub(super) fn is_duplicate(&mut self, source: u8, hash: u64, key: &str, value: &[u8], time: Time) -> bool {
        let mut digest = blake3::Hasher::new();
        if source > 0 {
            // No key is that long, so the values of two sources are never one.
            digest.update(&(u64::MAX - u64::from(source)).to_le_bytes());
        }
        digest.update(&(key.len() as u64).to_le_bytes()).update(key.as_bytes()).update(value);
        let (first, _) =
            digest.finalize().as_bytes().split_first_chunk::<16>().map(|(a, b)| (*a, b)).expect("32 bytes");
        let digest = u128::from_le_bytes(first);
        let window = self.rules[usize::from(source)].map_or(0, |rule| rule.within.unsigned_abs());
        let within = |(seen, _): &(Time, u64)| seen.abs_diff(time) <= window;
        let times = self.seen.entry(digest).or_default();
        if times.iter().any(within) {
            return true;
        }
        times.push((time, hash));
        self.entries += 1;
        self.fresh.push(SeenEvent { hash, digest, time });
        false
    }

    /// Remembers an event of an image.
    pub(super) fn load(&mut self, seen: SeenEvent) {
        let times = self.seen.entry(seen.digest).or_default();
        if !times.contains(&(seen.time, seen.hash)) {
            times.push((seen.time, seen.hash));
            self.entries += 1;
        }
    }

    /// Forgets what can matter no more, once there is enough of it.
    #[expect(clippy::disallowed_methods, reason = "in whatever order the old ones go")]
    pub(super) fn forget(&mut self, watermark: Time) {
        if self.entries <= 2 * self.swept {
            return;
        }
        let oldest = watermark.saturating_sub(self.within);
        self.seen.retain(|_, times| {
            times.retain(|(time, _)| *time >= oldest);
            !times.is_empty()
        });
        self.fresh.retain(|seen| seen.time >= oldest);
        self.entries = self.seen.values().map(Vec::len).sum();
        self.swept = self.entries.max(SWEEP_MIN);
    }

    /// What is new since the last call, or all, in one order.
    #[expect(clippy::disallowed_methods, reason = "they are put in order")]
    pub(super) fn image(&mut self, full: bool) -> Vec<SeenEvent> {
        let fresh = std::mem::take(&mut self.fresh);
        if !full {
            return fresh;
        }
        let of = |(digest, times): (&u128, &Vec<(Time, u64)>)| {
            times.iter().map(|(time, hash)| SeenEvent { hash: *hash, digest: *digest, time: *time }).collect::<Vec<_>>()
        };
        let mut all: Vec<SeenEvent> = self.seen.iter().flat_map(of).collect();
        all.sort_unstable();
        all
    }

    /// Bytes of memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.entries * 96
    }
}
