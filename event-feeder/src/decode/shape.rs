//! What members of lines have begun with: a memory that makes the usual line cheap.
//!
//! Producers write the same members in a few orders, with the same blanks. So the bytes from the end of one value to the
//! beginning of the next (`,"cdn":"`) are mostly ones that were met behind the same member before, and one comparison
//! of 32 bytes says all that finding, checking and looking up the name would.
//!
//! **Invariant:** a prefix was checked, byte by byte, when it was learned, and means the same wherever it stands: what is
//! remembered changes how fast a line is read, never what it is.

use super::names::{Member, word};

/// The longest prefix that is remembered, in bytes.
const LENGTH_MAX: usize = 32;
/// How many prefixes are remembered; beyond that all are forgotten, and learning begins anew.
const PREFIXES: usize = 256;
/// How many prefixes are remembered to follow one.
const FOLLOWERS: usize = 4;

/// The prefixes that were met, and which followed which; first [`BEGINNING`] and [`ELSEWHERE`].
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    prefixes: Vec<Prefix>,
}

/// What stands before a value: `{` or a comma, the name, the colon, blanks, and the opening quote of a string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    words: [u64; 4],
    masks: [u64; 4],
    pub(crate) length: usize,
    /// Whether a string follows (and its opening quote belongs to the prefix), or else a number.
    pub(crate) is_text: bool,
    pub(crate) member: Member,
    followers: [u16; FOLLOWERS],
    followed_by: u16,
}

/// Stands for the beginning of a line; a prefix that follows it begins with `{`, any other with a comma.
pub(crate) const BEGINNING: usize = 0;
/// Stands for a value within a line whose prefix is not remembered.
pub(crate) const ELSEWHERE: usize = 1;

impl Shape {
    pub(crate) fn new() -> Self {
        Shape { prefixes: vec![Prefix::new(&[], false, 0); 2] }
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
    pub(crate) fn learn(&mut self, behind: usize, text: &[u8], is_text: bool, member: Member) -> usize {
        if text.len() > LENGTH_MAX {
            return ELSEWHERE;
        }
        if self.prefixes.len() == PREFIXES {
            *self = Shape::new();
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
    fn new(text: &[u8], is_text: bool, member: Member) -> Self {
        let (mut bytes, mut mask) = ([0; LENGTH_MAX], [0; LENGTH_MAX]);
        bytes[..text.len()].copy_from_slice(text);
        mask[..text.len()].fill(0xFF);
        let words = |bytes: &[u8]| std::array::from_fn(|i| word(bytes, i * 8).expect("four words"));
        Prefix {
            words: words(&bytes),
            masks: words(&mask),
            length: text.len(),
            is_text,
            member,
            followers: [0; FOLLOWERS],
            followed_by: 0,
        }
    }

    #[inline(always)]
    fn matches(&self, bytes: &[u8; LENGTH_MAX]) -> bool {
        let mut odd = 0;
        for (i, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
            odd |= (u64::from_le_bytes(*eight) ^ self.words[i]) & self.masks[i];
        }
        odd == 0
    }

    fn is(&self, other: &Prefix) -> bool {
        (self.words, self.length, self.is_text) == (other.words, other.length, other.is_text)
    }
}
