//! Values as text, as the processor spells them, and what only people read.

use jiff::Timestamp;
pub(crate) use processor::rows::text::{decimal, float, time};

/// The same as a string.
pub(crate) fn time_string(ns: i64) -> String {
    let mut out = Vec::with_capacity(30);
    time(&mut out, ns);
    String::from_utf8(out).expect("a time is ASCII")
}

/// The same for headings: with no more digits of the second than are not zero.
pub(crate) fn short_time(ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(ns)).expect("64 bits of nanoseconds are within the calendar").to_string()
}
