//! From the hash of a key to the slots that may hold it.
//!
//! Open addressing with linear probing; an entry is the upper half of the hash beside the slot.
//! Written here and not taken from a library for one reason: the place of an entry can be fetched into the cache
//! before it is needed, which at a million sessions is worth more than everything else about a hash table.
//!
//! **Invariant:** no probe sequence has a hole: removal moves later entries back.

/// An index of slots by hash.
#[derive(Debug)]
pub(super) struct Index {
    entries: Vec<u64>,
    len: usize,
}

/// No entry; a slot is never the largest number.
const FREE: u64 = u64::MAX;

impl Default for Index {
    fn default() -> Self {
        Index { entries: vec![FREE; 1024], len: 0 }
    }
}

impl Index {
    /// Slots whose keys may have this hash.
    #[inline]
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = u32> {
        let (mask, tag) = (self.entries.len() - 1, hash >> 32);
        let mut at = hash as usize & mask;
        std::iter::from_fn(move || {
            loop {
                let entry = self.entries[at];
                if entry == FREE {
                    return None;
                }
                at = (at + 1) & mask;
                if entry >> 32 == tag {
                    return Some(entry as u32);
                }
            }
        })
    }

    /// Fetches the place of the hash into the cache.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&raw const self.entries[hash as usize & (self.entries.len() - 1)]);
    }

    /// Adds a slot; `hash_of` tells the hash of the slots that are there, if they must move.
    pub(super) fn insert(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        if (self.len + 1) * 4 > self.entries.len() * 3 {
            let old = std::mem::take(&mut self.entries);
            self.entries = vec![FREE; old.len() * 2];
            for entry in old.into_iter().filter(|entry| *entry != FREE) {
                self.place(hash_of(entry as u32), entry as u32);
            }
        }
        self.place(hash, slot);
        self.len += 1;
    }

    /// Removes a slot that is there; `hash_of` tells the hash of the slots behind it.
    pub(super) fn remove(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        let mask = self.entries.len() - 1;
        let mut hole = hash as usize & mask;
        while self.entries[hole] as u32 != slot || self.entries[hole] == FREE {
            assert!(self.entries[hole] != FREE, "a slot that is removed is in the index");
            hole = (hole + 1) & mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let entry = self.entries[at];
            if entry == FREE {
                break;
            }
            let home = hash_of(entry as u32) as usize & mask;
            // The entry may fill the hole if its home is not between the hole and itself.
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = FREE;
        self.len -= 1;
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.entries.len() * 8
    }

    fn place(&mut self, hash: u64, slot: u32) {
        let mask = self.entries.len() - 1;
        let mut at = hash as usize & mask;
        while self.entries[at] != FREE {
            at = (at + 1) & mask;
        }
        self.entries[at] = hash >> 32 << 32 | u64::from(slot);
    }
}

/// Asks the processor to fetch a place into its cache; does nothing where it cannot be asked.
#[inline]
pub(super) fn prefetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching has no effect but on the cache, whatever the address; SSE is part of every x86_64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
