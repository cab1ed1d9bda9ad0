//! Interned texts: a state of type `string` holds the number of its text.
//!
//! Numbers are given in the order of first use, so a replay gives the same ones;
//! they mean nothing outside of one evaluator, and what is written to disk carries texts (see [`super::codec`]).

use std::sync::Arc;

/// The texts that an evaluator has seen and still may need.
#[derive(Clone, Debug)]
pub struct Dictionary {
    texts: Vec<Arc<str>>,
    /// What tells them apart, mostly without looking at them.
    keys: Vec<TextKey>,
    /// Open addressing: 0 is free, otherwise number + 1. The length is a power of two, at least twice `texts`.
    table: Vec<u32>,
}

/// The number of a text that was looked up but is not there: equal to no number.
pub const UNKNOWN: u32 = u32::MAX;

impl Default for Dictionary {
    fn default() -> Self {
        Dictionary { texts: vec![], keys: vec![], table: vec![0; 64] }
    }
}

impl Dictionary {
    /// The number of the text, which is added if it is new. Bytes are looked at only then: they must be UTF-8.
    #[inline]
    pub fn intern(&mut self, text: &(impl AsRef<[u8]> + ?Sized)) -> u32 {
        let text = text.as_ref();
        let key = TextKey::of(text);
        self.find(key, text).unwrap_or_else(|| self.insert(key, text))
    }

    /// The number of the text that stands at `at` in an arena, `len` bytes long, which is added if it is new. What stands
    /// behind the text is no part of it, but lets a short one be read at once.
    #[inline]
    pub fn intern_in(&mut self, arena: &[u8], at: usize, len: usize) -> u32 {
        let key = TextKey::within(arena, at, len);
        self.find(key, &arena[at..at + len]).unwrap_or_else(|| self.insert(key, &arena[at..at + len]))
    }

    /// The same, or [`UNKNOWN`].
    #[inline]
    pub fn lookup_in(&self, arena: &[u8], at: usize, len: usize) -> u32 {
        self.find(TextKey::within(arena, at, len), &arena[at..at + len]).unwrap_or(UNKNOWN)
    }

    /// The number of the text, or [`UNKNOWN`].
    #[inline]
    pub fn lookup(&self, text: &(impl AsRef<[u8]> + ?Sized)) -> u32 {
        let text = text.as_ref();
        self.find(TextKey::of(text), text).unwrap_or(UNKNOWN)
    }

    /// The text of a number that [`Dictionary::intern`] gave.
    pub fn text(&self, id: u32) -> &str {
        &self.texts[id as usize]
    }

    /// The same, for keeps.
    pub fn shared(&self, id: u32) -> Arc<str> {
        Arc::clone(&self.texts[id as usize])
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Bytes on the heap, roughly.
    pub fn bytes(&self) -> usize {
        self.texts.iter().map(|t| t.len() + 32).sum::<usize>() + self.table.len() * 4
    }

    #[inline(always)]
    fn find(&self, key: TextKey, text: &[u8]) -> Option<u32> {
        let mask = self.table.len() - 1;
        let mut at = key.hash() as usize & mask;
        loop {
            let id = self.table[at].checked_sub(1)?;
            let is_it = self.keys[id as usize] == key;
            if is_it && (text.len() <= TextKey::WHOLE || self.texts[id as usize].as_bytes() == text) {
                return Some(id);
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn insert(&mut self, key: TextKey, text: &[u8]) -> u32 {
        let text = std::str::from_utf8(text).expect("a text is UTF-8");
        if (self.texts.len() + 1) * 2 > self.table.len() {
            self.table = vec![0; self.table.len() * 2];
            for id in 0..self.texts.len() {
                self.place(self.keys[id], id as u32);
            }
        }
        let id = u32::try_from(self.texts.len()).expect("fewer than 2^32 texts are alive in one lane");
        assert!(id < UNKNOWN, "fewer than 2^32 texts are alive in one lane");
        self.texts.push(text.into());
        self.keys.push(key);
        self.place(key, id);
        id
    }

    fn place(&mut self, key: TextKey, id: u32) {
        let mask = self.table.len() - 1;
        let mut at = key.hash() as usize & mask;
        while self.table[at] != 0 {
            at = (at + 1) & mask;
        }
        self.table[at] = id + 1;
    }
}

/// What tells texts apart: the length, and of a short text all of its bytes, of a longer one a hash of them.
///
/// Nearly all texts of states are short, so two keys are compared and not two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TextKey {
    word: u64,
    len: u64,
}

impl TextKey {
    /// Texts of so many bytes are equal where their keys are.
    const WHOLE: usize = 8;

    #[inline]
    fn of(text: &[u8]) -> Self {
        if text.len() > Self::WHOLE {
            return TextKey { word: long(text), len: text.len() as u64 };
        }
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text);
        TextKey { word: u64::from_le_bytes(bytes), len: text.len() as u64 }
    }

    /// That of a text in an arena.
    #[inline(always)]
    fn within(arena: &[u8], at: usize, len: usize) -> Self {
        match arena.get(at..).and_then(<[u8]>::first_chunk) {
            // The bytes behind it are shifted out, and those of the text back.
            Some(eight) if (1..=Self::WHOLE).contains(&len) => {
                let behind = 64 - 8 * len as u32;
                TextKey { word: u64::from_le_bytes(*eight) << behind >> behind, len: len as u64 }
            }
            _ => TextKey::of(&arena[at..at + len]),
        }
    }

    #[inline]
    fn hash(self) -> u64 {
        fold(self.word ^ self.len, K)
    }
}

const K: u64 = 0x9e37_79b9_7f4a_7c15;

/// A quick 64-bit hash: folded multiplication of eight bytes at a time.
fn long(text: &[u8]) -> u64 {
    let (chunks, rest) = text.as_chunks::<8>();
    let all = chunks.iter().fold(K, |hash, chunk| fold(hash ^ u64::from_le_bytes(*chunk), K));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(all ^ u64::from_le_bytes(last), K)
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_apart_whatever_their_length() {
        let mut dictionary = Dictionary::default();
        let mut texts = vec![String::new()];
        for length in 1..=20 {
            for at in 0..length {
                // Each byte alone, and the same letters in another place.
                for letter in ['a', 'b', '\0'] {
                    texts.push((0..length).map(|i| if i == at { letter } else { 'x' }).collect());
                }
            }
        }
        let numbers: Vec<u32> = texts.iter().map(|text| dictionary.intern(text)).collect();
        assert_eq!(numbers, (0..texts.len() as u32).collect::<Vec<_>>());
        for (number, text) in numbers.iter().zip(&texts) {
            assert_eq!((dictionary.lookup(text), dictionary.text(*number)), (*number, &**text));
        }
        assert_eq!(dictionary.lookup("y"), UNKNOWN);
        for (number, text) in numbers.iter().zip(&texts) {
            // Within other text, and at its end.
            for arena in [format!("ab{text}cdefghijk"), format!("ab{text}"), format!("ab{text}\u{e9}")] {
                let at = (arena.as_bytes(), 2, text.len());
                assert_eq!(
                    (dictionary.lookup_in(at.0, at.1, at.2), dictionary.intern_in(at.0, at.1, at.2)),
                    (*number, *number)
                );
            }
        }
        assert_eq!(dictionary.len(), texts.len());
    }
}
