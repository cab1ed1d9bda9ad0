//! The places of the bytes that give a block of JSON lines its shape: quotes, backslashes and control characters.
//!
//! In a string that holds none of them, the next indexed byte is its closing quote; between strings, only white space
//! other than blanks is indexed. So a walk over the index meets every string in two steps, and anything odd (an escape, a
//! control character in a string, a line feed too early) as a byte that it does not expect.
//!
//! **Invariant:** the vector code and the portable code give the same index.

/// Indexes `block[from..to]`: appends the places, from the block's start, and says whether all bytes are ASCII.
pub(crate) fn index(block: &[u8], from: usize, to: usize, places: &mut Vec<u32>) -> bool {
    let bytes = &block[from..to];
    places.reserve(bytes.len() + 64);
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("popcnt")
    {
        // SAFETY: the processor has what the function is compiled for, and there is room for a place for every byte and 64 more.
        return unsafe { avx2::index(bytes, from as u32, places) };
    }
    portable(bytes, from as u32, places)
}

/// One byte at a time, without a branch on what it is.
fn portable(bytes: &[u8], first: u32, places: &mut Vec<u32>) -> bool {
    let begin = places.len();
    places.resize(begin + bytes.len(), 0);
    let (mut count, mut all) = (begin, 0u8);
    for (i, &byte) in bytes.iter().enumerate() {
        // At most one place a byte, so there is room.
        places[count] = first + i as u32;
        count += usize::from(byte < 0x20 || byte == b'"' || byte == b'\\');
        all |= byte;
    }
    places.truncate(count);
    all < 0x80
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_setzero_si256,
    };

    /// # Safety
    ///
    /// The processor must have the features, and `places` room for `bytes.len() + 64` more.
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) unsafe fn index(bytes: &[u8], first: u32, places: &mut Vec<u32>) -> bool {
        let mut chunks = bytes.chunks_exact(64);
        let mut all = _mm256_setzero_si256();
        let mut at = first;
        for chunk in &mut chunks {
            // SAFETY: a chunk has 64 bytes; the loads need no alignment.
            let (low, high) = unsafe { (load(chunk.as_ptr()), load(chunk.as_ptr().add(32))) };
            all = _mm256_or_si256(all, _mm256_or_si256(low, high));
            // SAFETY: every byte so far gave at most one place.
            unsafe { flatten(mask(low, high), at, places) };
            at += 64;
        }
        let rest = chunks.remainder();
        // Filled up with bytes that are not indexed.
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        // SAFETY: as above.
        let (low, high) = unsafe { (load(last.as_ptr()), load(last.as_ptr().add(32))) };
        all = _mm256_or_si256(all, _mm256_or_si256(low, high));
        // SAFETY: as above.
        unsafe { flatten(mask(low, high), at, places) };
        _mm256_movemask_epi8(all) == 0
    }

    #[target_feature(enable = "avx2")]
    unsafe fn load(from: *const u8) -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn mask(low: __m256i, high: __m256i) -> u64 {
        u64::from(half(high)) << 32 | u64::from(half(low))
    }

    #[target_feature(enable = "avx2")]
    fn half(bytes: __m256i) -> u32 {
        let quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'"' as i8));
        let backslash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'\\' as i8));
        let control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
        _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, backslash), control)) as u32
    }

    /// Appends the places of the mask's bits. Writes in fours, beyond the last one too, for the number of bits is hard to predict.
    ///
    /// # Safety
    ///
    /// There must be room for 64 places.
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    unsafe fn flatten(mut mask: u64, at: u32, places: &mut Vec<u32>) {
        let (begin, count) = (places.len(), mask.count_ones() as usize);
        // SAFETY: at most 64 places are written behind the end, where there is room for so many; then `count` of them count.
        unsafe {
            let mut to = places.as_mut_ptr().add(begin);
            let end = to.add(count);
            loop {
                for i in 0..4 {
                    to.add(i).write(at.wrapping_add(mask.trailing_zeros()));
                    mask &= mask.wrapping_sub(1);
                }
                to = to.add(4);
                if to >= end {
                    break;
                }
            }
            places.set_len(begin + count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_agree(
            bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b'\n'), 0x1eu8..0x24, any::<u8>(), b'a'..=b'z'], 0..300),
            from in 0usize..70,
        ) {
            let from = from.min(bytes.len());
            let (mut one, mut two) = (vec![7], vec![7]);
            let ascii = index(&bytes, from, bytes.len(), &mut one);
            prop_assert_eq!(ascii, portable(&bytes[from..], from as u32, &mut two));
            prop_assert_eq!(ascii, bytes[from..].is_ascii());
            let places = bytes.iter().enumerate().skip(from).filter(|(_, b)| **b < 0x20 || **b == b'"' || **b == b'\\');
            prop_assert!(one[1..].iter().copied().eq(places.map(|(i, _)| i as u32)));
            prop_assert_eq!(one, two);
        }
    }
}
