//! How tests write instants, spans and values.

use crate::args::{rfc3339, scaled_decimal};
use crate::output::text;
use timeline_core::{SECOND, Time};

/// Help where an instant is not one.
pub(super) const INSTANTS: &str = "write seconds (`7`, `0.5`), a length of time (`1h30m`) since the beginning of 1970, \
                                   or RFC 3339";

/// The session of a line that names none.
pub(super) const SESSION: &str = "s";

/// Nanoseconds since the Unix epoch: seconds, a length of time since then, or RFC 3339.
pub(super) fn instant(text: &str) -> Option<Time> {
    length(text).or_else(|| rfc3339(text))
}

/// Seconds as a decimal, or numbers with units: `7`, `1.5`, `-3`, `1h30m`.
pub(super) fn length(text: &str) -> Option<Time> {
    if let Some(ns) = scaled_decimal(text, i128::from(SECOND)) {
        return Time::try_from(ns).ok();
    }
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let units = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |n| digits + n);
        let unit = match &rest[digits..units] {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3_600 * SECOND,
            "d" => 86_400 * SECOND,
            _ => return None,
        };
        total = total.checked_add(scaled_decimal(&rest[..digits], i128::from(unit))?)?;
        rest = &rest[units..];
    }
    (!text.is_empty()).then(|| Time::try_from(sign * total).ok())?
}

/// `3..8`, or `3..` for what goes on.
pub(super) fn span(text: &str) -> Option<(Time, Option<Time>)> {
    let (start, end) = text.split_once("..")?;
    let end = if end.is_empty() { None } else { Some(instant(end)?) };
    Some((instant(start)?, end))
}

/// The same as the file writes it.
pub(super) fn span_text(start: Time, end: Option<Time>) -> String {
    format!("{}..{}", instant_text(start), end.map(instant_text).unwrap_or_default())
}

/// An instant in seconds, in hours and minutes where it is far from the beginning, and as a date years from there.
pub(super) fn instant_text(time: Time) -> String {
    if time < 600 * SECOND {
        return seconds(i128::from(time));
    }
    if time >= 366 * 86_400 * SECOND {
        return text::short_time(time);
    }
    let mut out = String::new();
    let mut rest = time;
    for (unit, name) in [(86_400 * SECOND, "d"), (3_600 * SECOND, "h"), (60 * SECOND, "m")] {
        if rest >= unit {
            out.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if rest > 0 {
        out.push_str(&seconds(i128::from(rest)));
        out.push('s');
    }
    out
}

/// Nanoseconds as decimal seconds.
pub(super) fn seconds(ns: i128) -> String {
    let mut out = vec![];
    text::decimal(&mut out, ns, 9);
    String::from_utf8(out).unwrap_or_default()
}

/// Whether a value is what was expected of it.
///
/// A number is equal if its digits are, `17/59` is the nearest float, `~0.29` means to that many digits;
/// a length of time may have units, and an instant as many digits as it needs.
pub(super) fn is_value(expected: &str, actual: &str) -> bool {
    if expected == actual {
        return true;
    }
    if let Some(about) = expected.strip_prefix('~') {
        let digits = about.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
        let close = |(a, b): (f64, f64)| (a - b).abs() <= 0.5 * 10f64.powi(-digits) * (1.0 + 1e-9);
        return about.parse().ok().zip(actual.parse().ok()).is_some_and(close);
    }
    if let Some((numerator, denominator)) = expected.split_once('/') {
        let quotient = numerator.trim().parse::<f64>().ok().zip(denominator.trim().parse::<f64>().ok());
        return quotient.zip(actual.parse().ok()).is_some_and(|((n, d), x): (_, f64)| n / d == x);
    }
    if is_instant(actual)
        && let Some(expected) = rfc3339(expected)
    {
        return rfc3339(actual) == Some(expected);
    }
    let exact = |text: &str| scaled_decimal(text, 1_000_000_000_000_000_000);
    if let (Some(expected), Some(actual)) = (exact(expected), exact(actual)) {
        return expected == actual;
    }
    if let (Some(expected), Some(actual)) = (length(expected), scaled_decimal(actual, i128::from(SECOND))) {
        return i128::from(expected) == actual;
    }
    expected.parse::<f64>().ok().zip(actual.parse::<f64>().ok()).is_some_and(|(a, b)| a == b)
}

/// Whether a value is written as rows write instants: in UTC, with all nine digits.
fn is_instant(text: &str) -> bool {
    text.len() == "1970-01-01T00:00:00.000000000Z".len() && text.ends_with('Z') && text.as_bytes()[19] == b'.'
}

/// The text of a value as a file writes it: without quotes unless it needs them.
pub(super) fn unquoted(text: &str) -> Option<String> {
    if text.starts_with('"') { serde_json::from_str(text).ok() } else { Some(text.to_owned()) }
}

/// The inverse of [`unquoted`] for the text of a state.
pub(super) fn quoted(text: &str) -> String {
    let is_plain =
        !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-+./:@".contains(c)) && text != "absent";
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::{SECOND, instant, instant_text, is_value, length, quoted, span, unquoted};

    #[test]
    fn instants_are_seconds_lengths_or_dates() {
        assert_eq!(instant("7"), Some(7 * SECOND));
        assert_eq!(instant("0.5"), Some(SECOND / 2));
        assert_eq!(length("1h30m"), Some(5400 * SECOND));
        assert_eq!(length("-1m"), Some(-60 * SECOND));
        assert_eq!(instant("1970-01-01T00:00:09Z"), Some(9 * SECOND));
        for wrong in ["", "s", "1x", "1h2", "soon", "1..2"] {
            assert_eq!(instant(wrong), None, "{wrong}");
        }
        for time in [0, 7 * SECOND, 599 * SECOND + 1, 3600 * SECOND, 90_061 * SECOND + 5, 1_767_225_600 * SECOND + 5] {
            assert_eq!(instant(&instant_text(time)), Some(time));
        }
    }

    #[test]
    fn spans_may_go_on() {
        assert_eq!(span("3..8.5"), Some((3 * SECOND, Some(8 * SECOND + SECOND / 2))));
        assert_eq!(span("1h.."), Some((3600 * SECOND, None)));
        assert_eq!(span("3"), None);
    }

    #[test]
    fn values_are_exact_unless_said_otherwise() {
        for (expected, actual) in [
            ("12", "12"),
            ("12.0", "12"),
            ("1m", "60"),
            ("17/59", "0.288135593220339"),
            ("~0.29", "0.288"),
            ("1e3", "1000"),
            ("1970-01-01T00:00:07Z", "1970-01-01T00:00:07.000000000Z"),
            ("1970-01-01T01:00:07.5+01:00", "1970-01-01T00:00:07.500000000Z"),
        ] {
            assert!(is_value(expected, actual), "{expected} {actual}");
        }
        for (expected, actual) in [
            ("12", "12.000000001"),
            ("~0.29", "0.281"),
            ("play", "stop"),
            ("1m", "61"),
            ("absent", "0"),
            ("1970-01-01T00:00:07Z", "1970-01-01T00:00:07.000000001Z"),
            ("1970-01-01T00:00:07Z", "1970-01-01T00:00:07.0Z"),
        ] {
            assert!(!is_value(expected, actual), "{expected} {actual}");
        }
    }

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        for text in ["play", "", "a b", "absent", "x\"y", "C1"] {
            assert_eq!(unquoted(&quoted(text)).as_deref(), Some(text));
        }
    }
}
