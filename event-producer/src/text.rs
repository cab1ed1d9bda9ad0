//! Decimal numbers into bytes, without the cost of the formatting machinery: it is half of a line's price otherwise.

const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut i = 0;
    while i < 100 {
        pairs[2 * i] = b'0' + (i / 10) as u8;
        pairs[2 * i + 1] = b'0' + (i % 10) as u8;
        i += 1;
    }
    pairs
};

/// Appends a number with at least `width` digits, zeros in front; `width` is at most 20.
#[inline]
pub(crate) fn push_padded(out: &mut Vec<u8>, mut n: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while n >= 100 {
        let pair = (n % 100) as usize * 2;
        n /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if n >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[n as usize * 2..n as usize * 2 + 2]);
    } else {
        at -= 1;
        digits[at] = b'0' + n as u8;
    }
    out.extend_from_slice(&digits[at.min(digits.len() - width)..]);
}

/// Appends a number.
#[inline]
pub(crate) fn push_u64(out: &mut Vec<u8>, n: u64) {
    push_padded(out, n, 1);
}

/// Appends `n / 10^decimals` with that many decimals, at least one.
#[inline]
pub(crate) fn push_decimal(out: &mut Vec<u8>, n: u64, decimals: usize) {
    push_padded(out, n, decimals + 1);
    out.insert(out.len() - decimals, b'.');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_would() {
        for n in [0, 7, 10, 99, 100, 101, 12_345, 999_999, 1_700_000_000_123, u64::MAX] {
            let mut out = Vec::new();
            push_u64(&mut out, n);
            assert_eq!(out, format!("{n}").into_bytes());
            out.clear();
            push_padded(&mut out, n, 6);
            assert_eq!(out, format!("{n:06}").into_bytes());
        }
    }

    #[test]
    fn decimals_keep_their_zeros() {
        for (n, text) in [(5, "0.05"), (50, "0.50"), (1234, "12.34")] {
            let mut out = Vec::new();
            push_decimal(&mut out, n, 2);
            assert_eq!(out, text.as_bytes());
        }
    }
}
