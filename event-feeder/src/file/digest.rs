//! A digest of all that was read of a file, which can be gone on with after a restart.
//!
//! A hash function's inner state is nobody's format, so a file is taken in pieces of a fixed length: a chain over the
//! digests of whole pieces, and the digest of what lies behind the last of them. Going on reads less than one piece
//! again, and compares it; whoever wants to compare everything reads everything.
//!
//! **Invariant:** two equal digests are of the same bytes, whatever blocks they were read in.

use crate::Error;
use blake3::Hasher;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The length of a piece.
const PIECE: u64 = if cfg!(test) { 16 } else { 1 << 20 };
/// How much is read at a time to compare a file.
const STEP: usize = 64 << 10;

/// What was read of a file, from its first byte on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digested {
    /// How many bytes.
    pub bytes: u64,
    /// The chain over the digests of all whole pieces, in hexadecimal; none of less than one piece.
    pub chain: Option<String>,
    /// The digest of the bytes behind them, likewise.
    pub rest: String,
}

impl Digested {
    /// Compares all of a file's bytes that it is of; the file is called `name`.
    pub fn compare(&self, file: &mut File, name: &str) -> Result<(), Error> {
        let read = |file: &mut File| -> io::Result<Digested> {
            file.seek(SeekFrom::Start(0))?;
            let (mut rolling, mut left, mut step) = (Rolling::default(), self.bytes, vec![0; STEP]);
            while left > 0 {
                let wanted = STEP.min(usize::try_from(left).unwrap_or(STEP));
                let count = file.read(&mut step[..wanted])?;
                if count == 0 {
                    break;
                }
                rolling.update(rolling.bytes, &step[..count]);
                left -= count as u64;
            }
            Ok(rolling.digested())
        };
        let found = read(file).map_err(Error::read(name))?;
        if found == *self { Ok(()) } else { Err(self.rewritten(name)) }
    }

    /// The error of other bytes.
    fn rewritten(&self, name: &str) -> Error {
        Error::Rewritten { file: name.to_owned(), read: self.bytes }
    }
}

/// A digest that is being made.
#[derive(Clone, Debug, Default)]
pub(super) struct Rolling {
    bytes: u64,
    chain: Option<blake3::Hash>,
    rest: Hasher,
    /// What is to come of it: more is not taken, and it is compared when it is as long.
    known: Option<Digested>,
}

impl Rolling {
    /// Goes on behind what was read before, of which the last piece is compared.
    pub(super) fn resume(known: &Digested, file: &mut File, name: &str) -> Result<Self, Error> {
        let whole = known.bytes / PIECE * PIECE;
        let mut piece = vec![];
        file.seek(SeekFrom::Start(whole)).map_err(Error::read(name))?;
        file.take(known.bytes - whole).read_to_end(&mut piece).map_err(Error::read(name))?;
        let chain = known.chain.as_ref().map(blake3::Hash::from_hex).transpose().map_err(|_| known.rewritten(name))?;
        let mut rolling = Rolling { bytes: whole, chain, ..Rolling::default() };
        rolling.update(whole, &piece);
        if rolling.digested() == *known { Ok(rolling) } else { Err(known.rewritten(name)) }
    }

    /// Begins anew, to be compared with what was read before.
    pub(super) fn from_known(known: &Digested) -> Self {
        Rolling { known: Some(known.clone()), ..Rolling::default() }
    }

    /// Takes bytes that stand at `at` of the file; false if some before them are not known, so that it ends here.
    pub(super) fn update(&mut self, at: u64, bytes: &[u8]) -> bool {
        if at > self.bytes {
            return false;
        }
        let known = usize::try_from(self.bytes - at).unwrap_or(usize::MAX);
        let mut bytes = bytes.get(known..).unwrap_or_default();
        if let Some(known) = &self.known {
            let left = usize::try_from(known.bytes.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
            bytes = &bytes[..left.min(bytes.len())];
        }
        while !bytes.is_empty() {
            let room = PIECE - self.bytes % PIECE;
            let (piece, rest) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            self.rest.update(piece);
            self.bytes += piece.len() as u64;
            bytes = rest;
            if self.bytes.is_multiple_of(PIECE) {
                let mut chain = Hasher::new();
                if let Some(before) = &self.chain {
                    chain.update(before.as_bytes());
                }
                chain.update(self.rest.finalize().as_bytes());
                self.chain = Some(chain.finalize());
                self.rest.reset();
            }
        }
        true
    }

    /// An error if it is as long as what was read before, and not the same.
    pub(super) fn check(&self, name: &str) -> Result<(), Error> {
        match &self.known {
            Some(known) if known.bytes == self.bytes && *known != self.digested() => Err(known.rewritten(name)),
            _ => Ok(()),
        }
    }

    /// As it is kept.
    pub(super) fn digested(&self) -> Digested {
        let chain = self.chain.map(|chain| chain.to_hex().to_string());
        Digested { bytes: self.bytes, chain, rest: self.rest.finalize().to_hex().to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn of(bytes: &[u8], blocks: usize) -> Digested {
        let mut rolling = Rolling::default();
        for block in bytes.chunks(blocks) {
            assert!(rolling.update(rolling.bytes, block));
        }
        rolling.digested()
    }

    #[test]
    fn it_is_the_same_whatever_the_blocks_and_wherever_it_was_gone_on_with() {
        let bytes: Vec<u8> = (0..100).collect();
        for length in 0..bytes.len() {
            let known = of(&bytes[..length], 7);
            for blocks in [1, 3, 16, 17, 100] {
                assert_eq!(of(&bytes[..length], blocks), known, "{length} bytes");
            }
            known.compare(&mut file(&bytes), "f").unwrap();
            let mut again = Rolling::resume(&known, &mut file(&bytes), "f").unwrap();
            // What was read before is not counted twice.
            assert!(again.update(0, &bytes));
            assert_eq!(again.digested(), of(&bytes, 5));
            assert!(!again.update(101, b"x"), "what lies between is not known");
        }
    }

    #[test]
    fn every_byte_that_was_rewritten_is_found() {
        let bytes: Vec<u8> = (0..50).collect();
        let known = of(&bytes[..41], 9);
        for at in 0..50 {
            let mut other = bytes.clone();
            other[at] ^= 1;
            let found = known.compare(&mut file(&other), "f");
            assert_eq!(found.is_err(), at < 41, "byte {at}");
            let mut again = Rolling::from_known(&known);
            assert!(again.update(0, &other) && again.check("f").is_err() == (at < 41), "byte {at}");
            assert_eq!(Rolling::resume(&known, &mut file(&other), "f").is_err(), (32..41).contains(&at), "byte {at}");
        }
    }
}
