//! What was made of files that never change, remembered by their digests as long as there is room for it.
//!
//! A digest names bytes and not a place, so what is remembered is right for whoever asks, whichever file of which state has
//! them; nobody has to say that a file is gone.
//!
//! **Invariant:** no more bytes are remembered than the bound allows, by the count of those who put them; what was used
//! least recently goes first.

use crate::checkpoint::Digest;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is remembered of files.
pub(crate) struct Recent<T> {
    bytes_max: usize,
    all: Mutex<All<T>>,
}

struct All<T> {
    of: BTreeMap<Digest, One<T>>,
    bytes: usize,
    /// Counts the uses.
    turn: u64,
}

struct One<T> {
    what: Arc<T>,
    bytes: usize,
    /// When it was last used, in turns.
    used: u64,
}

impl<T> Recent<T> {
    /// Nothing yet, and at most so many bytes ever.
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Recent { bytes_max, all: Mutex::new(All { of: BTreeMap::new(), bytes: 0, turn: 0 }) }
    }

    /// What is remembered of a file, if it still is.
    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<T>> {
        let all = &mut *self.lock();
        all.turn += 1;
        let one = all.of.get_mut(digest)?;
        one.used = all.turn;
        Some(Arc::clone(&one.what))
    }

    /// Remembers what was made of a file, which takes so many bytes; not at all what is larger than all that may be.
    pub(crate) fn put(&self, digest: Digest, what: &Arc<T>, bytes: usize) {
        if bytes > self.bytes_max {
            return;
        }
        let all = &mut *self.lock();
        all.turn += 1;
        let one = One { what: Arc::clone(what), bytes, used: all.turn };
        all.bytes += bytes;
        if let Some(before) = all.of.insert(digest, one) {
            all.bytes -= before.bytes;
        }
        while all.bytes > self.bytes_max {
            let oldest = all.of.iter().min_by_key(|(_, one)| one.used).map(|(digest, _)| *digest);
            let Some(gone) = oldest.and_then(|digest| all.of.remove(&digest)) else { break };
            all.bytes -= gone.bytes;
        }
    }

    fn lock(&self) -> MutexGuard<'_, All<T>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;
    use crate::checkpoint::Digest;
    use std::sync::Arc;

    #[test]
    fn what_was_used_least_recently_goes_when_there_is_no_room() {
        let recent = Recent::new(10);
        let digest = |of: u8| Digest::of(&[of]);
        for of in 0..3 {
            recent.put(digest(of), &Arc::new(of), 3);
        }
        assert_eq!(recent.get(&digest(0)).as_deref(), Some(&0));
        recent.put(digest(3), &Arc::new(3), 4);
        let known = |of: u8| recent.get(&digest(of)).is_some();
        assert_eq!([0, 1, 2, 3].map(known), [true, false, true, true], "nine bytes, and one of three had to go");
        recent.put(digest(4), &Arc::new(4), 11);
        assert_eq!([0, 2, 3, 4].map(known), [true, true, true, false], "what does not fit takes nothing's place");
        // One that is put again counts once.
        recent.put(digest(3), &Arc::new(3), 4);
        assert_eq!([0, 2, 3].map(known), [true; 3]);
    }
}
