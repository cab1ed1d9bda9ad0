//! Values as text: the one spelling of decimals, floats and times that every text format shares.
//!
//! Decimals are exact plain digits, floats the shortest text that reads back as the same bits,
//! times RFC 3339 in UTC with all nine digits: no text format ever rounds.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use std::io::Write;

const TIMES: DateTimePrinter = DateTimePrinter::new().precision(Some(9));

/// Appends `unscaled / 10^scale` in plain digits, without trailing zeros.
pub fn decimal(out: &mut Vec<u8>, unscaled: i128, scale: i8) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let digits = unscaled.unsigned_abs().to_string();
    let Ok(scale) = usize::try_from(scale) else {
        out.extend_from_slice(digits.as_bytes());
        if unscaled != 0 {
            out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
        }
        return;
    };
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    out.extend_from_slice(whole.as_bytes());
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

/// Appends the shortest text that reads back as the same finite float; a valid JSON number.
pub fn float(out: &mut Vec<u8>, x: f64) {
    let start = out.len();
    write!(out, "{x:?}").expect("writing to memory cannot fail");
    if out[start..].ends_with(b".0") {
        out.truncate(out.len() - 2);
    }
}

/// Appends nanoseconds since the Unix epoch as `2026-01-02T03:04:05.000000006Z`.
pub fn time(out: &mut Vec<u8>, ns: i64) {
    let instant = Timestamp::from_nanosecond(i128::from(ns)).expect("64 bits of nanoseconds are within the calendar");
    TIMES.print_timestamp(&instant, jiff::fmt::StdIoWrite(out)).expect("writing to memory cannot fail");
}
