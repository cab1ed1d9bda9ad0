//! What members of lines have begun with: a memory that makes the usual line cheap.
//!
//! Producers write the same members in a few orders, with the same blanks. So the bytes from the end of one value to the
//! beginning of the next (`,"cdn":"`) are mostly ones that were met behind the same member before, and one comparison
//! of 32 bytes says all that finding, checking and looking up the name would.
//!
//! **Invariant:** a prefix was checked, byte by byte, when it was learned, and means the same wherever it stands: what is
//! remembered changes how fast a line is read, never what it is.

use super::names::MemberUse;

/// The longest prefix that is remembered, in bytes.
const LENGTH_MAX: usize = 32;
/// How many prefixes are remembered; beyond that all are forgotten, and learning begins anew.
const PREFIXES: usize = 256;
/// How many prefixes are remembered to follow one.
const FOLLOWERS: usize = 4;

/// The prefixes that were met, and which followed which; first [`BEGINNING`] and [`ELSEWHERE`].
#[derive(Clone, Debug)]
pub(crate) struct PrefixGraph {
    prefixes: Vec<Prefix>,
}

/// What stands before a value: `{` or a comma, the name, the colon, blanks, and the opening quote of a string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    bytes: [u8; LENGTH_MAX],
    /// A bit for each of the bytes that belong to it.
    mask: u32,
    pub(crate) length: usize,
    /// Whether a string follows (and its opening quote belongs to the prefix), or else a number.
    pub(crate) is_text: bool,
    pub(crate) member: MemberUse,
    followers: [u16; FOLLOWERS],
    followed_by: u16,
}

/// Stands for the beginning of a line; a prefix that follows it begins with `{`, any other with a comma.
pub(crate) const BEGINNING: usize = 0;
/// Stands for a value within a line whose prefix is not remembered.
pub(crate) const ELSEWHERE: usize = 1;

impl PrefixGraph {
    pub(crate) fn new() -> Self {
        PrefixGraph { prefixes: vec![Prefix::new(&[], false, 0); 2] }
    }

    /// The prefix that stands at `at`, behind another one, if it was met there before.
    #[inline(always)]
    pub(crate) fn find(&self, behind: usize, block: &[u8], at: usize) -> Option<(usize, &Prefix)> {
        let bytes: &[u8; LENGTH_MAX] = block.get(at..)?.first_chunk()?;
        let before = self.prefixes.get(behind)?;
        let followers = before.followers.get(..usize::from(before.followed_by))?;
        followers.iter().find_map(|&id| {
            let prefix = self.prefixes.get(usize::from(id))?;
            prefix.matches(bytes).then_some((usize::from(id), prefix))
        })
    }

    /// Remembers what was found between a prefix and a value; its number. Text that is too long is not
    /// remembered.
    #[inline(never)]
    pub(crate) fn learn(&mut self, behind: usize, text: &[u8], is_text: bool, member: MemberUse) -> usize {
        if text.len() > LENGTH_MAX {
            return ELSEWHERE;
        }
        if self.prefixes.len() == PREFIXES {
            *self = PrefixGraph::new();
            return ELSEWHERE;
        }
        let prefix = Prefix::new(text, is_text, member);
        let known = self.prefixes.iter().skip(2).position(|known| known.is(&prefix)).map(|i| i + 2);
        let id = known.unwrap_or_else(|| {
            self.prefixes.push(prefix);
            self.prefixes.len() - 1
        });
        let before = &mut self.prefixes[behind];
        let place = usize::from(before.followed_by).min(FOLLOWERS - 1);
        before.followers[place] = id as u16;
        before.followed_by = (place + 1) as u16;
        id
    }
}

impl Prefix {
    fn new(text: &[u8], is_text: bool, member: MemberUse) -> Self {
        let mut bytes = [0; LENGTH_MAX];
        bytes[..text.len()].copy_from_slice(text);
        Prefix {
            bytes,
            mask: ((1u64 << text.len()) - 1) as u32,
            length: text.len(),
            is_text,
            member,
            followers: [0; FOLLOWERS],
            followed_by: 0,
        }
    }

    #[inline(always)]
    fn matches(&self, bytes: &[u8; LENGTH_MAX]) -> bool {
        equal_bytes(bytes, &self.bytes) & self.mask == self.mask
    }

    fn is(&self, other: &Prefix) -> bool {
        (self.bytes, self.length, self.is_text) == (other.bytes, other.length, other.is_text)
    }
}

/// A bit for each byte that is the same in both.
#[inline(always)]
fn equal_bytes(a: &[u8; LENGTH_MAX], b: &[u8; LENGTH_MAX]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
        let half = |at: usize| {
            // SAFETY: both have 32 bytes, of which 16 are read from 0 or 16 on; the loads need no alignment, and SSE2 is
            // part of every x86_64.
            unsafe {
                let (a, b) = (_mm_loadu_si128(a.as_ptr().add(at).cast()), _mm_loadu_si128(b.as_ptr().add(at).cast()));
                _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) as u32
            }
        };
        half(0) | half(16) << 16
    }
    #[cfg(not(target_arch = "x86_64"))]
    a.iter().zip(b).enumerate().fold(0, |bits, (i, (a, b))| bits | u32::from(a == b) << i)
}
