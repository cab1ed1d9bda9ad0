//! The quick way over a line of JSON, along the index of its quotes.
//!
//! A walk captures exactly what [`super::json::capture`] would, or gives up. It gives up on whatever is unusual: escapes in
//! what is read, fields within objects, white space other than blanks, and everything malformed; so it must never accept
//! a line that the library refuses, while it may leave any line to the library. It checks skipped members as well.
//! A property test holds the two ways together on valid, mutated and random lines.

use super::cell::{CapturedCell, CapturedKind};
use super::names::{NameTable, WITHIN, word};
use super::shape::{BEGINNING, ELSEWHERE, PrefixGraph};

/// A place in a block and in its index.
pub(crate) struct Walk<'a> {
    pub(crate) block: &'a [u8],
    /// See [`super::index`].
    pub(crate) places: &'a [u32],
    /// The first place of the index that has not been passed.
    pub(crate) next: usize,
}

impl Walk<'_> {
    /// Captures the object on the line that begins at `start`; where its line feed stands, or `None` to give up.
    /// After that cells and `next` are of no use.
    #[inline]
    pub(crate) fn line(
        &mut self,
        start: usize,
        names: &NameTable,
        shape: &mut PrefixGraph,
        cells: &mut [CapturedCell],
    ) -> Option<usize> {
        let (mut at, mut behind, mut next) = (start, BEGINNING, self.next);
        loop {
            (at, behind, next) = match self.usual_member(at, behind, next, shape, cells) {
                Some(passed) => passed,
                None => {
                    self.next = next;
                    let (at, behind) = self.member(at, behind, names, shape, cells)?;
                    (at, behind, self.next)
                }
            };
            if *self.block.get(at)? == b'}' {
                self.next = next;
                return self.line_end(at + 1);
            }
        }
    }

    /// Passes a member that begins as one did before, and the separator before it, where `next` is the first place that has
    /// not been passed. Where it ends, how it began and what then is the first place, or `None` with nothing done.
    #[inline(always)]
    fn usual_member(
        &self,
        at: usize,
        behind: usize,
        next: usize,
        shape: &PrefixGraph,
        cells: &mut [CapturedCell],
    ) -> Option<(usize, usize, usize)> {
        let (id, prefix) = shape.find(behind, self.block, at)?;
        let value = at + prefix.length;
        let cell = cells.get_mut(usize::from(prefix.member))?;
        if prefix.is_text {
            // The quotes of the name and the one that opens the value come before.
            let close = *self.places.get(next + 3)? as usize;
            if self.block[close] != b'"' {
                return None;
            }
            *cell = CapturedCell::new(CapturedKind::Text, value..close);
            Some((close + 1, id, next + 4))
        } else {
            let end = number(self.block, value)?;
            *cell = CapturedCell::new(CapturedKind::Number, value..end);
            Some((end, id, next + 2))
        }
    }

    /// Passes any member and the separator before it, and the blanks behind it. Where these end, and how it began.
    #[inline(never)]
    fn member(
        &mut self,
        start: usize,
        behind: usize,
        names: &NameTable,
        shape: &mut PrefixGraph,
        cells: &mut [CapturedCell],
    ) -> Option<(usize, usize)> {
        if *self.block.get(start)? != if behind == BEGINNING { b'{' } else { b',' } {
            return None;
        }
        let at = self.blanks(start + 1)?;
        let close = self.plain_string(at)?;
        let member = names.find(self.block, at + 1, close - at - 1)?;
        let colon = self.blanks(close + 1)?;
        if self.block[colon] != b':' || member == WITHIN {
            return None;
        }
        let value = self.blanks(colon + 1)?;
        let (end, cell) = self.value(value, member == names.unread)?;
        *cells.get_mut(usize::from(member))? = cell;
        let behind = match cell.kind() {
            CapturedKind::Text => shape.learn(behind, &self.block[start..=value], true, member),
            CapturedKind::Number => shape.learn(behind, &self.block[start..value], false, member),
            _ => ELSEWHERE,
        };
        Some((self.blanks(end)?, behind))
    }

    /// Passes a value; where it ends.
    fn value(&mut self, at: usize, is_unread: bool) -> Option<(usize, CapturedCell)> {
        Some(match *self.block.get(at)? {
            b'"' if is_unread => (self.string(at)? + 1, CapturedCell::default()),
            b'"' => {
                let close = self.plain_string(at)?;
                (close + 1, CapturedCell::new(CapturedKind::Text, at + 1..close))
            }
            b'0'..=b'9' | b'-' => {
                let end = number(self.block, at)?;
                (end, CapturedCell::new(CapturedKind::Number, at..end))
            }
            b'{' | b'[' => {
                let end = self.composite(at)?;
                (end, CapturedCell::new(CapturedKind::Composite, at..end))
            }
            _ => {
                let (end, kind) = literal(self.block, at)?;
                (
                    end,
                    if kind == CapturedKind::Null { CapturedCell::of(kind) } else { CapturedCell::new(kind, at..end) },
                )
            }
        })
    }

    /// The place of the first byte from `at` on that is no blank.
    #[inline(always)]
    fn blanks(&self, mut at: usize) -> Option<usize> {
        while *self.block.get(at)? == b' ' {
            at += 1;
        }
        Some(at)
    }

    /// Passes a string without escapes that opens at `at`; the place of its closing quote.
    #[inline]
    fn plain_string(&mut self, at: usize) -> Option<usize> {
        let close = self.string(at)?;
        // Without escapes it takes two places.
        (self.places.get(self.next.checked_sub(2)?) == Some(&(at as u32))).then_some(close)
    }

    /// Passes any string that opens at `at`; the place of its closing quote.
    #[inline]
    fn string(&mut self, at: usize) -> Option<usize> {
        let [open, next] = *self.places.get(self.next..self.next + 2)? else { return None };
        if self.block[at] != b'"' {
            return None;
        }
        debug_assert_eq!(open as usize, at, "everything before was passed together with its places");
        self.next += 1;
        if self.block[next as usize] == b'"' {
            self.next += 1;
            return Some(next as usize);
        }
        self.escaped_string()
    }

    /// Passes the rest of a string with escapes. As for the library, in text that is skipped an escape of half a surrogate
    /// pair is good enough.
    #[cold]
    fn escaped_string(&mut self) -> Option<usize> {
        loop {
            let at = *self.places.get(self.next)? as usize;
            self.next += 1;
            match self.block[at] {
                b'"' => return Some(at),
                b'\\' => match self.block.get(at + 1)? {
                    // These two are indexed themselves.
                    b'"' | b'\\' => self.next += 1,
                    b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' if self.block.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    }

    /// Passes an object or an array that opens at `at`; where it ends. Gives up beyond 64 levels.
    #[inline(never)]
    fn composite(&mut self, mut at: usize) -> Option<usize> {
        // What is open: from the innermost on a bit for each level, set for an object.
        let (mut open, mut depth) = (0u64, 0);
        loop {
            // A value begins here.
            let first = *self.block.get(at)?;
            let mut begun = false;
            match first {
                b'{' | b'[' => {
                    if depth == 64 {
                        return None;
                    }
                    depth += 1;
                    open = open << 1 | u64::from(first == b'{');
                    at = self.blanks(at + 1)?;
                    begun = true;
                }
                b'"' => at = self.string(at)? + 1,
                b'0'..=b'9' | b'-' => at = number(self.block, at)?,
                _ => at = literal(self.block, at)?.0,
            }
            // Behind it: the next value, or ends.
            loop {
                at = self.blanks(at)?;
                let (byte, in_object) = (self.block[at], open & 1 == 1);
                if byte == if in_object { b'}' } else { b']' } {
                    (depth, open, at, begun) = (depth - 1, open >> 1, at + 1, false);
                    if depth == 0 {
                        return Some(at);
                    }
                    continue;
                }
                if !begun {
                    if byte != b',' {
                        return None;
                    }
                    at = self.blanks(at + 1)?;
                }
                if in_object {
                    at = self.string(at)? + 1;
                    at = self.blanks(at)?;
                    if self.block[at] != b':' {
                        return None;
                    }
                    at = self.blanks(at + 1)?;
                }
                break;
            }
        }
    }

    /// Passes what follows the object; the place of the line feed.
    #[inline]
    fn line_end(&mut self, mut at: usize) -> Option<usize> {
        loop {
            match *self.block.get(at)? {
                b'\n' => {
                    self.next += 1;
                    return Some(at);
                }
                b'\r' | b'\t' => self.next += 1,
                b' ' => {}
                _ => return None,
            }
            at += 1;
        }
    }
}

/// Where the number that begins at `at` ends, if it is one of JSON. Nearly all are short, whole and not negative.
#[inline(always)]
fn number(block: &[u8], at: usize) -> Option<usize> {
    let Some(bytes) = block.get(at..).and_then(<[u8]>::first_chunk::<16>) else { return any_number(block, at) };
    let count = leading_digits(bytes);
    match bytes.get(count) {
        Some(b'.' | b'e' | b'E') | None => any_number(block, at),
        Some(_) if count == 0 || bytes[0] == b'0' => any_number(block, at),
        Some(_) => Some(at + count),
    }
}

#[inline(never)]
fn any_number(block: &[u8], at: usize) -> Option<usize> {
    let (mut end, negative) = (at, block[at] == b'-');
    end += usize::from(negative);
    let first = *block.get(end)?;
    let whole = digits(block, end)?;
    if whole == end || first == b'0' && whole > end + 1 {
        return None;
    }
    end = whole;
    if matches!(*block.get(end)?, b'.' | b'e' | b'E') {
        return rest_of_number(block, end);
    }
    Some(end)
}

/// The fraction and the exponent.
#[inline(never)]
fn rest_of_number(block: &[u8], mut end: usize) -> Option<usize> {
    if block[end] == b'.' {
        let begin = end + 1;
        end = digits(block, begin)?;
        if end == begin {
            return None;
        }
    }
    if matches!(block.get(end)?, b'e' | b'E') {
        let mut begin = end + 1;
        begin += usize::from(matches!(block.get(begin)?, b'+' | b'-'));
        end = digits(block, begin)?;
        if end == begin {
            return None;
        }
    }
    Some(end)
}

/// The place of the first byte from `at` on that is no digit: usually within sixteen bytes.
#[inline(always)]
fn digits(block: &[u8], at: usize) -> Option<usize> {
    match block.get(at..).and_then(<[u8]>::first_chunk).map(leading_digits) {
        Some(count) if count < 16 => Some(at + count),
        Some(_) => many_digits(block, at + 16),
        None => many_digits(block, at),
    }
}

/// With how many digits it begins.
#[inline(always)]
fn leading_digits(bytes: &[u8; 16]) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8, _mm_sub_epi8,
        };
        // SAFETY: sixteen bytes are read; the load needs no alignment, and SSE2 is part of every x86_64.
        let digits = unsafe {
            let from_zero = _mm_sub_epi8(_mm_loadu_si128(bytes.as_ptr().cast()), _mm_set1_epi8(b'0' as i8));
            _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(from_zero, _mm_set1_epi8(9)), from_zero)) as u32
        };
        (!digits).trailing_zeros() as usize
    }
    #[cfg(not(target_arch = "x86_64"))]
    bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len())
}

/// The same of any number of digits, and near the end of the block. Eight bytes at a time.
#[inline(never)]
fn many_digits(block: &[u8], mut at: usize) -> Option<usize> {
    loop {
        // A digit becomes 0 to 9; the addition sets the high bit of what is more, and what had it keeps it.
        let odd = word(block, at)? ^ 0x3030_3030_3030_3030;
        let odd = (((odd & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676) | odd) & 0x8080_8080_8080_8080;
        if odd != 0 {
            return Some(at + odd.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
}

#[inline(never)]
fn literal(block: &[u8], at: usize) -> Option<(usize, CapturedKind)> {
    let rest = block.get(at..at + 5)?;
    match rest {
        [b't', b'r', b'u', b'e', _] => Some((at + 4, CapturedKind::True)),
        [b'n', b'u', b'l', b'l', _] => Some((at + 4, CapturedKind::Null)),
        b"false" => Some((at + 5, CapturedKind::False)),
        _ => None,
    }
}
