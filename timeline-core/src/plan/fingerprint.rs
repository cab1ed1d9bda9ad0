//! Identity as a number: 128 bits that are the same in every program, build and machine.
//!
//! FNV-1a with 128 bits over the canonical encoding ([`super::encoding`]) of what is to be told apart.

use std::fmt;

/// The meaning of something, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u128);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Fingerprint {
    /// The fingerprint of a text.
    pub fn of_text(text: &str) -> Self {
        let mut digest = FingerprintBuilder::default();
        digest.bytes(text.as_bytes());
        digest.finish()
    }
}

/// A fingerprint on its way, of what is too large to be written out first.
pub(super) struct FingerprintBuilder(u128);

impl Default for FingerprintBuilder {
    fn default() -> Self {
        FingerprintBuilder(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl FingerprintBuilder {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let mix =
            |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        self.0 = bytes.iter().fold(self.0, mix);
    }

    /// A text of any length, so that where it ends is told.
    pub(super) fn text(&mut self, text: &str) {
        self.bytes(&(text.len() as u64).to_le_bytes());
        self.bytes(text.as_bytes());
    }

    pub(super) fn finish(self) -> Fingerprint {
        Fingerprint(self.0)
    }
}
