//! Which lane a key falls to.
//!
//! **Invariant:** it follows from the hash of the key and the number of lanes alone, so whoever feeds lanes and whoever
//! reads their images agree; and no answer depends on it.

/// The lane that a key falls to.
#[inline]
pub fn lane_of(hash: u64, lanes: usize) -> usize {
    ((u128::from(hash) * lanes as u128) >> 64) as usize
}
