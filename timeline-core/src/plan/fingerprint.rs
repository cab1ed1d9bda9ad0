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
        let mix = |hash: u128, byte| (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        Fingerprint(text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, mix))
    }
}
