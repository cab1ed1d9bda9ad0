//! Interned texts: a state of type `string` holds the number of its text.
//!
//! Numbers are given in the order of first use, so a replay gives the same ones;
//! they mean nothing outside of one evaluator, and what is written to disk carries texts (see [`super::codec`]).

use std::sync::Arc;

/// The texts that an evaluator has seen and still may need.
#[derive(Clone, Debug)]
pub struct Dictionary {
    texts: Vec<Arc<str>>,
    hashes: Vec<u64>,
    /// Open addressing: 0 is free, otherwise number + 1. The length is a power of two, at least twice `texts`.
    table: Vec<u32>,
}

/// The number of a text that was looked up but is not there: equal to no number.
pub const UNKNOWN: u32 = u32::MAX;

impl Default for Dictionary {
    fn default() -> Self {
        Dictionary { texts: vec![], hashes: vec![], table: vec![0; 64] }
    }
}

impl Dictionary {
    /// The number of the text, which is added if it is new. Bytes are looked at only then: they must be UTF-8.
    #[inline]
    pub fn intern(&mut self, text: &(impl AsRef<[u8]> + ?Sized)) -> u32 {
        let text = text.as_ref();
        let hash = hash(text);
        match self.find(hash, text) {
            Ok(id) => id,
            Err(_) => self.insert(hash, text),
        }
    }

    /// The number of the text, or [`UNKNOWN`].
    #[inline]
    pub fn lookup(&self, text: &(impl AsRef<[u8]> + ?Sized)) -> u32 {
        let text = text.as_ref();
        self.find(hash(text), text).unwrap_or(UNKNOWN)
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
        self.texts.iter().map(|t| t.len() + 24).sum::<usize>() + self.table.len() * 4
    }

    #[inline]
    fn find(&self, hash: u64, text: &[u8]) -> Result<u32, usize> {
        let mask = self.table.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.table[at] {
                0 => return Err(at),
                entry => {
                    let id = entry - 1;
                    if self.hashes[id as usize] == hash && self.texts[id as usize].as_bytes() == text {
                        return Ok(id);
                    }
                }
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn insert(&mut self, hash: u64, text: &[u8]) -> u32 {
        let text = std::str::from_utf8(text).expect("a text is UTF-8");
        if (self.texts.len() + 1) * 2 > self.table.len() {
            self.table = vec![0; self.table.len() * 2];
            for id in 0..self.texts.len() {
                self.place(self.hashes[id], id as u32);
            }
        }
        let id = u32::try_from(self.texts.len()).expect("fewer than 2^32 texts are alive in one lane");
        assert!(id < UNKNOWN, "fewer than 2^32 texts are alive in one lane");
        self.texts.push(text.into());
        self.hashes.push(hash);
        self.place(hash, id);
        id
    }

    fn place(&mut self, hash: u64, id: u32) {
        let mask = self.table.len() - 1;
        let mut at = hash as usize & mask;
        while self.table[at] != 0 {
            at = (at + 1) & mask;
        }
        self.table[at] = id + 1;
    }
}

/// A quick 64-bit hash of short texts: folded multiplication of eight bytes at a time.
#[inline]
fn hash(bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut h = K ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        h = fold(h ^ u64::from_le_bytes(chunk.try_into().expect("chunks have eight bytes")), K);
    }
    let mut tail = 0u64;
    for &byte in chunks.remainder() {
        tail = (tail << 8) | u64::from(byte);
    }
    fold(h ^ tail, K)
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}
