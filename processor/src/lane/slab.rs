//! The sessions of a lane: rows in chunks that never move, found by key.

use super::index::{Index, prefetch};
use compact_str::CompactString;
use timeline_core::incremental::{Heap, Row, is_partial};

/// Rows in a chunk.
const CHUNK_ROWS: usize = 1024;

/// A place for a session.
pub(super) type Slot = u32;

/// All slots of a lane.
#[derive(Debug)]
pub(super) struct Slab {
    row_words: usize,
    chunks: Vec<Box<[u64]>>,
    heads: Vec<SlotHeader>,
    free: Vec<Slot>,
    index: Index,
}

/// A set of slots.
#[derive(Debug, Default)]
pub(super) struct SlotSet {
    words: Vec<u64>,
    /// Words before it are empty.
    first: usize,
}

impl SlotSet {
    pub(super) fn insert(&mut self, slot: Slot) {
        let (word, bit) = (slot as usize / 64, slot % 64);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << bit;
        self.first = self.first.min(word);
    }

    /// Takes a slot out; whether it was there.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        let Some(word) = self.words.get_mut(slot as usize / 64) else { return false };
        let bit = 1 << (slot % 64);
        let was = *word & bit != 0;
        *word &= !bit;
        was
    }

    /// Takes the least one out.
    pub(super) fn pop(&mut self) -> Option<Slot> {
        while *self.words.get(self.first)? == 0 {
            self.first += 1;
        }
        let word = &mut self.words[self.first];
        let bit = word.trailing_zeros();
        *word &= *word - 1;
        Some((self.first * 64) as Slot + bit)
    }

    pub(super) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// What a slot has beside its row: one cache line, so that a look-up waits for memory once.
#[derive(Debug)]
#[repr(align(64))]
struct SlotHeader {
    key: CompactString,
    heap: Heap,
    meta: SlotMetadata,
}

const _: () = assert!(size_of::<SlotHeader>() == 64, "the head of a slot is one cache line");

/// What is known of a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotMetadata {
    pub hash: u64,
    /// Events of the key that wait in the reorder buffer.
    pub held: u32,
    pub life: SlotContent,
    /// Whether it changed since the last checkpoint.
    pub dirty: bool,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotContent {
    /// No session: the slot is free, or its key has only events that wait.
    Empty,
    /// A session.
    Live,
    /// A session that an event ended, remembered as long as the source lingers. The row's instant is its close.
    Closed,
}

impl Slab {
    pub(super) fn new(row_words: usize) -> Self {
        Slab { row_words, chunks: vec![], heads: vec![], free: vec![], index: Index::default() }
    }

    /// The slot of a key, if it has one.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<Slot> {
        self.index.candidates(hash).find(|slot| self.heads[*slot as usize].key.as_bytes() == key)
    }

    /// The slot of a key, which may be a new, empty one. The key is UTF-8, which is looked at only if it is new.
    #[inline]
    pub(super) fn find_or_insert(&mut self, hash: u64, key: &[u8]) -> Slot {
        match self.find(hash, key) {
            Some(slot) => slot,
            None => self.insert(hash, key),
        }
    }

    #[cold]
    fn insert(&mut self, hash: u64, key: &[u8]) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        let at = slot as usize;
        self.heads[at].key = CompactString::from_utf8(key).expect("decoders put only UTF-8 behind slices");
        self.heads[at].meta = SlotMetadata { hash, held: 0, life: SlotContent::Empty, dirty: false };
        let heads = &self.heads;
        self.index.insert(hash, slot, |slot| heads[slot as usize].meta.hash);
        slot
    }

    fn grow(&mut self) -> Slot {
        let slot = Slot::try_from(self.heads.len()).expect("fewer than 2^32 sessions are alive in one lane");
        if self.heads.len() == self.chunks.len() * CHUNK_ROWS {
            self.chunks.push(vec![0; CHUNK_ROWS * self.row_words].into());
        }
        let meta = SlotMetadata { hash: 0, held: 0, life: SlotContent::Empty, dirty: false };
        self.heads.push(SlotHeader { key: CompactString::default(), heap: Heap::default(), meta });
        slot
    }

    /// Forgets the key of a slot.
    pub(super) fn remove(&mut self, slot: Slot) {
        let at = slot as usize;
        let heads = &self.heads;
        self.index.remove(heads[at].meta.hash, slot, |slot| heads[slot as usize].meta.hash);
        let meta = SlotMetadata { life: SlotContent::Empty, dirty: false, ..heads[at].meta };
        self.heads[at] = SlotHeader { key: CompactString::default(), heap: Heap::default(), meta };
        self.free.push(slot);
    }

    /// The row of a slot.
    #[inline]
    pub(super) fn row(&mut self, slot: Slot) -> Row<'_> {
        self.parts(slot).1
    }

    /// All of a slot at once.
    #[inline]
    pub(super) fn parts(&mut self, slot: Slot) -> (&CompactString, Row<'_>, &mut SlotMetadata) {
        let at = slot as usize;
        let (chunk, row) = (at / CHUNK_ROWS, at % CHUNK_ROWS);
        let words = &mut self.chunks[chunk][row * self.row_words..][..self.row_words];
        let SlotHeader { key, heap, meta } = &mut self.heads[at];
        (key, Row { words, heap }, meta)
    }

    /// A copy of a slot.
    pub(super) fn copy(&self, slot: Slot, words: &mut Vec<u64>) -> (Heap, SlotContent) {
        let (chunk, row) = (slot as usize / CHUNK_ROWS, slot as usize % CHUNK_ROWS);
        words.clear();
        words.extend_from_slice(&self.chunks[chunk][row * self.row_words..][..self.row_words]);
        let head = &self.heads[slot as usize];
        (head.heap.clone(), head.meta.life)
    }

    #[inline]
    pub(super) fn meta(&mut self, slot: Slot) -> &mut SlotMetadata {
        &mut self.heads[slot as usize].meta
    }

    /// How many events of a slot wait.
    pub(super) fn held(&self, slot: Slot) -> u32 {
        self.heads[slot as usize].meta.held
    }

    pub(super) fn key(&self, slot: Slot) -> &CompactString {
        &self.heads[slot as usize].key
    }

    /// Fetches the index entry of a hash.
    #[inline]
    pub(super) fn prefetch_entry(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Fetches what [`Slab::find`] and an evaluation will touch of the first candidate.
    #[inline]
    pub(super) fn prefetch_row(&self, hash: u64) {
        if let Some(slot) = self.index.candidates(hash).next() {
            let (chunk, row) = (slot as usize / CHUNK_ROWS, slot as usize % CHUNK_ROWS);
            let row = self.chunks[chunk].as_ptr().wrapping_add(row * self.row_words);
            (0..self.row_words).step_by(8).for_each(|word| prefetch(row.wrapping_add(word)));
            prefetch(&raw const self.heads[slot as usize]);
        }
    }

    /// All slots, free ones as well.
    pub(super) fn all_slots(&self) -> SlotSet {
        let (words, rest) = (self.heads.len() / 64, self.heads.len() % 64);
        let mut words = vec![u64::MAX; words];
        if rest > 0 {
            words.push((1 << rest) - 1);
        }
        SlotSet { words, first: 0 }
    }

    /// All slots that are not free, in no order that means anything.
    pub(super) fn occupied(&self) -> impl Iterator<Item = Slot> {
        let taken = |meta: &SlotMetadata| meta.life != SlotContent::Empty || meta.held > 0;
        (0..).zip(&self.heads).filter(move |(_, head)| taken(&head.meta)).map(|(slot, _)| slot)
    }

    /// What all slots hold.
    pub(super) fn lives(&self) -> impl Iterator<Item = SlotContent> {
        self.heads.iter().map(|head| head.meta.life)
    }

    /// How many sessions are alive that may have begun unseen.
    pub(super) fn partial(&self) -> u64 {
        let rows = self.chunks.iter().flat_map(|chunk| chunk.chunks(self.row_words));
        let partial = |(row, head): &(&[u64], &SlotHeader)| head.meta.life == SlotContent::Live && is_partial(row);
        rows.zip(&self.heads).filter(partial).count() as u64
    }

    /// Calls `f` with every row that holds a session or remembers one.
    pub(super) fn for_each_row(&mut self, mut f: impl FnMut(&mut Row<'_>)) {
        for slot in 0..self.heads.len() as Slot {
            if self.heads[slot as usize].meta.life != SlotContent::Empty {
                f(&mut self.row(slot));
            }
        }
    }

    /// Notes of every session that is alive that something of it was not seen.
    pub(super) fn set_partial(&mut self) {
        for slot in 0..self.heads.len() as Slot {
            if self.heads[slot as usize].meta.life == SlotContent::Live {
                self.row(slot).set_partial();
            }
        }
    }

    /// Bytes of memory, but for those of [`Slab::heap_bytes`].
    pub(super) fn bytes(&self) -> usize {
        let rows = self.chunks.len() * CHUNK_ROWS * self.row_words * 8;
        rows + self.heads.len() * size_of::<SlotHeader>() + self.index.bytes()
    }

    /// Bytes of what sessions keep beside their rows. All slots are gone through.
    pub(super) fn heap_bytes(&self) -> usize {
        self.heads.iter().map(|head| head.heap.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::SlotSet;

    #[test]
    fn slots_come_out_of_a_set_in_order_and_once() {
        let mut set = SlotSet::default();
        [200, 3, 64, 3, 63].into_iter().for_each(|slot| set.insert(slot));
        assert_eq!(set.len(), 4);
        assert!(set.remove(64) && !set.remove(64) && !set.remove(9_999));
        assert_eq!(set.pop(), Some(3));
        set.insert(1);
        let rest: Vec<_> = std::iter::from_fn(|| set.pop()).collect();
        assert_eq!(rest, [1, 63, 200]);
    }
}
