//! What log is made: the options that determine every byte of it.

use std::time::Duration;

use crate::Model;

/// The options of a log; the same options give the same bytes.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct Workload {
    /// What kind of log is made
    #[arg(value_enum)]
    pub model: Model,
    /// Seed of all chance; another seed is another log
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// How many sessions, cards or devices are live at a time
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SESSIONS)))]
    pub sessions: u32,
    /// How many lines the log has, late ones included
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub events: u64,
    /// By how much events may be out of order in the log; never more than the lateness
    #[arg(long, default_value = "0s", value_name = "DURATION", value_parser = parse_duration)]
    pub jitter: Duration,
    /// Which share of the lines comes later than the lateness allows, from 0 to 0.5; they are no part of any answer
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub late: f64,
    /// The lateness that the program declares
    #[arg(long, default_value = "2s", value_name = "DURATION", value_parser = parse_duration)]
    pub lateness: Duration,
    /// When the log begins: RFC 3339, or milliseconds since 1970
    #[arg(long, default_value = "2023-11-14T22:13:20Z", value_name = "TIME", value_parser = parse_start)]
    pub start: u64,
}

/// The most sessions that are live at a time.
pub const MAX_SESSIONS: u32 = 1 << 24;

impl Workload {
    /// A hundred thousand lines of a thousand sessions, in order and in time.
    pub fn new(model: Model) -> Self {
        Workload {
            model,
            seed: 1,
            sessions: 1_000,
            events: 100_000,
            jitter: Duration::ZERO,
            late: 0.0,
            lateness: Duration::from_secs(2),
            start: 1_700_000_000_000,
        }
    }

    /// Refuses what no log can be made of.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.jitter > self.lateness {
            return Err(Error::Jitter { jitter: self.jitter, lateness: self.lateness });
        }
        if !(0.0..=0.5).contains(&self.late) {
            return Err(Error::Late(self.late));
        }
        if !(1..=MAX_SESSIONS).contains(&self.sessions) {
            return Err(Error::Sessions(self.sessions));
        }
        let day = Duration::from_secs(24 * 60 * 60);
        if self.lateness > day || self.start < 2 * day.as_millis() as u64 || self.start > MAX_START {
            return Err(Error::Range);
        }
        Ok(())
    }
}

/// The latest start, in milliseconds: about the year 2200, so that a long log still ends where 64 bits of nanoseconds do.
const MAX_START: u64 = 7_258_118_400_000;

/// Why a log cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// Events out of order by more than they are waited for would be late by chance.
    #[error("a jitter of {jitter:?} is more than the lateness of {lateness:?}: events would be late by chance")]
    Jitter {
        /// As asked for.
        jitter: Duration,
        /// As asked for.
        lateness: Duration,
    },
    /// Not a share of the lines.
    #[error("the share of late lines is from 0 to 0.5, not {0}")]
    Late(f64),
    /// None, or more than can be numbered.
    #[error("between 1 and 16777216 sessions can be live at a time, not {0}")]
    Sessions(u32),
    /// Times that a log cannot have.
    #[error("the log begins between 1970-01-03 and 2200-01-01, and the lateness is at most a day")]
    Range,
}

/// Reads `250ms`, `2s`, `10m`, `1h`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("a duration is a whole number with its unit: 250ms, 2s, 10m, 1h".into()),
    };
    let count: u64 =
        digits.parse().map_err(|_| "a duration is a whole number with its unit, such as 2s".to_string())?;
    count.checked_mul(unit).map(Duration::from_millis).ok_or_else(|| "that is too long".into())
}

/// Reads RFC 3339, or milliseconds since 1970.
fn parse_start(text: &str) -> Result<u64, String> {
    if let Ok(ms) = text.parse::<u64>() {
        return Ok(ms);
    }
    let time: jiff::Timestamp = text.parse().map_err(|e: jiff::Error| e.to_string())?;
    u64::try_from(time.as_millisecond()).map_err(|_| "the log begins after 1970".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_a_unit() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("10m"), Ok(Duration::from_secs(600)));
        for bad in ["", "5", "s", "1.5s", "-1s", "99999999999999999999s", "18446744073709551615h", "5é"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_default_start_is_the_same_in_both_places() {
        assert_eq!(parse_start("2023-11-14T22:13:20Z"), Ok(Workload::new(Model::Video).start));
        assert_eq!(parse_start("1700000000000"), Ok(1_700_000_000_000));
        assert!(parse_start("yesterday").is_err());
        assert!(parse_start("1960-01-01T00:00:00Z").is_err());
    }

    #[test]
    fn what_no_log_can_be_made_of_is_refused() {
        let good = Workload::new(Model::Video);
        assert_eq!(good.check(), Ok(()));
        assert!(Workload { jitter: Duration::from_secs(3), ..good.clone() }.check().is_err());
        for late in [-0.1, 0.6, f64::NAN] {
            assert!(Workload { late, ..good.clone() }.check().is_err());
        }
        assert!(Workload { sessions: 0, ..good.clone() }.check().is_err());
        assert!(Workload { start: 0, ..good.clone() }.check().is_err());
        assert!(Workload { start: u64::MAX, ..good }.check().is_err());
    }
}
