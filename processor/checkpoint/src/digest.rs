//! BLAKE3 digests, and the seal at the end of every small object.
//!
//! A head has nobody above it to name its digest, so it must carry its own; manifests, genesis and programs are sealed the
//! same way, so that a file says by itself whether it is whole, whoever holds it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::ObjectProblem;

/// A BLAKE3 digest of 32 bytes; as text 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// What stands between the body and the digits of a seal.
const MARK: &[u8] = b"\nblake3 ";
/// Length of a whole seal: the mark, the digits and a final line feed.
const SEAL_BYTES: usize = MARK.len() + 64 + 1;

/// `body` with its seal: a line feed, `blake3 `, the digest of the body, a line feed.
pub(super) fn seal(mut body: Vec<u8>) -> Vec<u8> {
    let digest = Digest::of(&body);
    body.extend_from_slice(MARK);
    body.extend_from_slice(digest.to_string().as_bytes());
    body.push(b'\n');
    body
}

/// The body of a sealed object, or where and why it is not whole.
pub(super) fn unseal(bytes: &[u8]) -> Result<&[u8], ObjectProblem> {
    let malformed =
        |offset: usize, reason: &str| ObjectProblem::Malformed { offset: offset as u64, reason: reason.into() };
    let Some(body_bytes) = bytes.len().checked_sub(SEAL_BYTES) else {
        return Err(malformed(bytes.len(), "ends before a whole seal"));
    };
    let (body, seal) = bytes.split_at(body_bytes);
    let Some(digits) = seal.strip_prefix(MARK).and_then(|rest| rest.strip_suffix(b"\n")) else {
        return Err(malformed(body_bytes, "no seal at its end (truncated, or bytes appended)"));
    };
    let expected = Digest::of(body);
    if digits != expected.to_string().as_bytes() {
        let digest = String::from_utf8_lossy(digits).into_owned();
        return Err(ObjectProblem::Digest { expected: digest, found: expected });
    }
    Ok(body)
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        blake3::Hash::from_hex(text.as_bytes()).map(|hash| Digest(*hash.as_bytes())).map_err(de::Error::custom)
    }
}
