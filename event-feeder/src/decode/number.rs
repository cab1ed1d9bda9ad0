//! Decimal text, calculated with exactly.
//!
//! Times and integers are never taken through a float: `1700000000.123` seconds and `9007199254740993` must stay what
//! was written.

/// Decimal text taken apart: `-12.5e3`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecimalText<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// An exact number, or how it cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scaled {
    /// The number itself.
    Exact(i128),
    /// The number is no integer; this is the next one below.
    Floor(i128),
    /// Beyond 38 digits.
    Huge,
}

impl<'a> DecimalText<'a> {
    /// Reads `[+-] digits [. digits] [e [+-] digits]` with at least one digit before the exponent.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let (negative, text) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            (b'+', rest) => (false, rest),
            _ => (false, text),
        };
        let (whole, text) = digits(text);
        let (fraction, text) = match text.split_first() {
            Some((b'.', rest)) => digits(rest),
            _ => (&text[..0], text),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match text.split_first() {
            None => 0,
            Some((b'e' | b'E', rest)) => exponent(rest)?,
            Some(_) => return None,
        };
        Some(DecimalText { negative, whole, fraction, exponent })
    }

    /// Whether it is written without an exponent.
    pub(crate) fn is_plain(text: &[u8]) -> bool {
        !text.iter().any(|b| matches!(b, b'e' | b'E'))
    }

    /// The number times ten to the power of `power`.
    pub(crate) fn scaled(self, power: i64) -> Scaled {
        let digits = || self.whole.iter().chain(self.fraction).map(|b| b - b'0').enumerate();
        let Some(first) = digits().find(|(_, digit)| *digit != 0).map(|(i, _)| i) else { return Scaled::Exact(0) };
        let count = self.whole.len() + self.fraction.len();
        // How many of the digits stand before the point.
        let point = (self.whole.len() as i64).saturating_add(self.exponent).saturating_add(power);
        if point.saturating_sub(first as i64) > 38 {
            return Scaled::Huge;
        }
        let kept = usize::try_from(point).unwrap_or(0).min(count);
        let mut value = digits().take(kept).skip(first).fold(0i128, |value, (_, digit)| value * 10 + i128::from(digit));
        for _ in count as i64..point {
            value *= 10;
        }
        let exact = digits().skip(kept).all(|(_, digit)| digit == 0);
        match (self.negative, exact) {
            (false, true) => Scaled::Exact(value),
            (true, true) => Scaled::Exact(-value),
            (false, false) => Scaled::Floor(value),
            (true, false) => Scaled::Floor(-value - 1),
        }
    }
}

/// A whole number of at most 18 digits, without sign, that is all of the text: the case worth a short way.
#[inline]
pub(crate) fn short_integer(text: &[u8]) -> Option<i64> {
    let Some((eight, rest)) = text.split_at_checked(8).filter(|_| text.len() <= 18) else { return few_digits(text) };
    let value = eight_digits(eight_bytes(eight))?;
    match rest.len() {
        0 => Some(value),
        length @ 1..=8 => {
            // The last eight bytes, those of them that were read already made zeros.
            let read = if length == 8 { 0 } else { (1u64 << (64 - 8 * length)) - 1 };
            let last = eight_bytes(&text[text.len() - 8..]) & !read | ZEROS & read;
            Some(value * POWERS[length] + eight_digits(last)?)
        }
        _ => {
            let last = few_digits(&rest[8..])?;
            let middle = eight_digits(eight_bytes(&rest[..8]))?;
            Some((value * POWERS[8] + middle) * POWERS[rest.len() - 8] + last)
        }
    }
}

const ZEROS: u64 = 0x3030_3030_3030_3030;
const POWERS: [i64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

fn eight_bytes(text: &[u8]) -> u64 {
    u64::from_le_bytes(text.try_into().expect("eight bytes"))
}

/// The number that eight digits are: pairs, then fours, then all, each by one multiplication.
#[inline]
fn eight_digits(text: u64) -> Option<i64> {
    let digits = text ^ ZEROS;
    if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    Some(((fours.wrapping_mul(10_000) + (fours >> 32)) & 0xFFFF_FFFF) as i64)
}

#[inline]
fn few_digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    let mut value = 0i64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len()))
}

/// An exponent, cut off where it decides already.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, text) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let (digits, rest) = digits(text);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    let value = digits.iter().fold(0i64, |value, b| value.saturating_mul(10).saturating_add(i64::from(b - b'0')));
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(text: &str, power: i64) -> Option<Scaled> {
        DecimalText::parse(text.as_bytes()).map(|decimal| decimal.scaled(power))
    }

    #[test]
    fn decimals_are_exact() {
        use Scaled::{Exact, Floor, Huge};
        for (text, power, want) in [
            ("0", 0, Exact(0)),
            ("-0", 0, Exact(0)),
            ("007", 0, Exact(7)),
            ("3.0", 0, Exact(3)),
            ("3.5", 0, Floor(3)),
            ("-3.5", 0, Floor(-4)),
            ("1e3", 0, Exact(1000)),
            ("1.5e1", 0, Exact(15)),
            ("1500e-2", 0, Exact(15)),
            ("1e-400", 0, Floor(0)),
            ("-1e-400", 0, Floor(-1)),
            ("0e999999999999999999999", 0, Exact(0)),
            ("1e999999999999999999999", 0, Huge),
            ("1700000000.123456789", 9, Exact(1_700_000_000_123_456_789)),
            ("1700000000.1234567891", 9, Floor(1_700_000_000_123_456_789)),
            ("-0.0000000001", 9, Floor(-1)),
            (".5", 1, Exact(5)),
            ("5.", 0, Exact(5)),
            ("9007199254740993.0", 0, Exact(9_007_199_254_740_993)),
            ("99999999999999999999999999999999999999", 0, Exact(10i128.pow(38) - 1)),
            ("100000000000000000000000000000000000000", 0, Huge),
            ("0.00000000000000000000000000000000000000000001", 44, Exact(1)),
        ] {
            assert_eq!(scaled(text, power), Some(want), "{text} * 10^{power}");
        }
        for text in ["", "-", ".", "e5", "1e", "1e+", "1x", "1.2.3", "--1", "NaN", "inf", "1 ", "1e5x"] {
            assert!(scaled(text, 0).is_none(), "{text}");
        }
    }

    #[test]
    fn the_short_way_agrees() {
        for text in ["0", "7", "007", "123456789012345678", "1700000000123"] {
            let short = short_integer(text.as_bytes()).map(i128::from);
            assert_eq!(short.map(Scaled::Exact), scaled(text, 0), "{text}");
        }
        for length in 1..=18 {
            for digit in 0..length {
                let mut text = "1234567890123456789"[..length].to_owned();
                assert_eq!(short_integer(text.as_bytes()), text.parse().ok());
                for bad in ["/", ":", "\u{80}", " ", "\0"] {
                    text.replace_range(digit..=digit, bad);
                    assert_eq!(short_integer(text.as_bytes()), None, "{text:?}");
                    text.replace_range(digit..digit + bad.len(), "0");
                }
            }
        }
        for text in ["", "-1", "+1", "1.0", "1234567890123456789", "1a"] {
            assert_eq!(short_integer(text.as_bytes()), None, "{text}");
        }
    }
}
