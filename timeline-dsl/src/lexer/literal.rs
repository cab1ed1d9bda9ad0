//! Numbers, durations and strings.
//!
//! Numbers are kept exactly (as a fraction) beside their nearest float, so that a comparison with a decimal turns where
//! the decimal says; durations are whole nanoseconds or an error.

use super::{Lexer, TokenKind};
use crate::diagnostics::codes;
use crate::syntax::{Literal, NumberLiteral, Rational};
use timeline_core::Time;
use timeline_core::plan::CalendarUnit;

const UNITS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

impl Lexer<'_> {
    /// Behind `every` a number of weeks or months, which are no lengths of time.
    pub(super) fn window_of_calendar(&mut self) -> Option<TokenKind> {
        let before = self.text[..self.at].trim_end().strip_suffix("every")?;
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let rest = self.rest();
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit_end = rest[digits..].find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let unit_end = unit_end.map_or(rest.len(), |end| digits + end);
        let unit = match &rest[digits..unit_end] {
            "w" => CalendarUnit::Week,
            "mo" => CalendarUnit::Month,
            _ => return None,
        };
        let count = rest[..digits].parse().unwrap_or(u32::MAX);
        self.at += unit_end;
        Some(TokenKind::Calendar(count, unit))
    }

    /// A number, or with units behind it a duration: `5`, `1.5`, `1e3`, `5s`, `1h30m`.
    pub(super) fn number(&mut self) -> TokenKind {
        let start = self.at;
        let mut nanoseconds = Rational::whole(0);
        let mut parts = 0;
        loop {
            let digits_at = self.at;
            self.digits();
            let digits = self.text[digits_at..self.at].replace('_', "");
            let exact = rational(&digits);
            let unit_at = self.at;
            self.skip_while(|c| c.is_alphabetic() || c == '_');
            let unit = &self.text[unit_at..self.at];
            if unit.is_empty() && parts == 0 {
                return self.plain(start, &digits, exact);
            }
            let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                self.skip_while(char::is_alphanumeric);
                return self.bad_unit(start, &digits, unit);
            };
            let part = exact.and_then(|x| x.multiply(Rational::whole(*size)));
            let Some(sum) = part.and_then(|x| nanoseconds.add(x)) else { return self.too_long(start) };
            nanoseconds = sum;
            parts += 1;
            if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
                break;
            }
        }
        if nanoseconds.denominator != 1 {
            let message = format!("`{}` is not a whole number of nanoseconds", &self.text[start..self.at]);
            self.error(codes::DURATION, start, message, "a nanosecond is the shortest time there is");
            return TokenKind::Literal(Literal::Bad);
        }
        match Time::try_from(nanoseconds.numerator) {
            Ok(time) => TokenKind::Literal(Literal::Duration(time)),
            Err(_) => self.too_long(start),
        }
    }

    /// Digits, a fraction and an exponent.
    fn digits(&mut self) {
        let digits = |c: char| c.is_ascii_digit() || c == '_';
        self.skip_while(digits);
        let mut next = self.rest().chars();
        if next.next() == Some('.') && next.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.skip_while(digits);
        }
        let exponent = self.rest().strip_prefix(['e', 'E']);
        if let Some(rest) = exponent {
            let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            if digits.starts_with(|c: char| c.is_ascii_digit()) {
                self.at = self.text.len() - digits.len();
                self.skip_while(|c| c.is_ascii_digit());
            }
        }
    }

    fn plain(&mut self, start: usize, digits: &str, exact: Option<Rational>) -> TokenKind {
        match digits.parse::<f64>() {
            Ok(float) if float.is_finite() => {
                let whole = digits.bytes().all(|b| b.is_ascii_digit());
                TokenKind::Literal(Literal::Number(NumberLiteral { exact, float, whole }))
            }
            _ => {
                self.error(codes::NUMBER, start, "this number is too large".into(), "numbers reach to about 1.8e308");
                TokenKind::Literal(Literal::Bad)
            }
        }
    }

    fn bad_unit(&mut self, start: usize, digits: &str, unit: &str) -> TokenKind {
        let meant = crate::habits::unit(unit).unwrap_or_default();
        let units = "the units are ns, us, ms, s, m, h and d";
        let help = if meant.is_empty() { units.to_owned() } else { format!("did you mean `{digits}{meant}`? {units}") };
        let message = if unit.is_empty() {
            "the last part of this duration has no unit".to_owned()
        } else {
            format!("`{unit}` is no unit of time")
        };
        self.error(codes::DURATION, start, message, &help);
        TokenKind::Literal(Literal::Bad)
    }

    fn too_long(&mut self, start: usize) -> TokenKind {
        let message = "this duration is longer than 64 bits of nanoseconds hold".into();
        self.error(codes::DURATION, start, message, "the longest is about 292 years");
        TokenKind::Literal(Literal::Bad)
    }

    /// A string with JSON's escapes, on one line.
    pub(super) fn string(&mut self, quote: char) -> TokenKind {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        let mut bad_escape = None;
        loop {
            match self.peek() {
                None | Some('\n') => {
                    let message = "this string does not end on its line".into();
                    self.error(
                        codes::STRING,
                        start,
                        message,
                        "close it with a double quote; a line end is written \\n",
                    );
                    return TokenKind::Literal(Literal::Bad);
                }
                Some(c) if c == quote => {
                    self.at += 1;
                    break;
                }
                Some('\\') => {
                    let escape_at = self.at;
                    match self.escape() {
                        Some(c) => text.push(c),
                        None => bad_escape = bad_escape.or(Some(escape_at..self.at)),
                    }
                }
                Some(c) => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        if quote == '\'' {
            let message = "strings stand between double quotes".into();
            self.error(codes::STRING, start, message, &format!("write {}", crate::diagnostics::quoted(&text)));
        } else if let Some(span) = bad_escape {
            let end = std::mem::replace(&mut self.at, span.end);
            let help = "the escapes are JSON's: \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX";
            self.error(codes::STRING, span.start, "this is no escape of JSON".into(), help);
            self.at = end;
        }
        TokenKind::Literal(Literal::Text(text))
    }

    /// The character that an escape stands for; `None` if it stands for none.
    fn escape(&mut self) -> Option<char> {
        self.at += 1;
        let c = self.peek().filter(|c| *c != '\n')?;
        self.at += c.len_utf8();
        Some(match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = self.hex()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high);
                }
                if !self.rest().starts_with("\\u") {
                    return None;
                }
                self.at += 2;
                let low = self.hex().filter(|low| (0xdc00..0xe000).contains(low))?;
                return char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4).filter(|s| s.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// The exact value of digits with a fraction and an exponent; `None` where 128 bits do not hold it.
fn rational(digits: &str) -> Option<Rational> {
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(i) => (&digits[..i], digits[i + 1..].parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let numerator: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let power = 10i128.checked_pow(scale.unsigned_abs())?;
    if scale < 0 { Rational::new(numerator, power) } else { Some(Rational::whole(numerator.checked_mul(power)?)) }
}
