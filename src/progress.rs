//! How far long work is, while it goes on: a bar that is written over on a terminal, and a line every ten seconds elsewhere.
//!
//! What is over soon says nothing, and nothing stays of the bar when the work is done.

use crate::log;
use event_feeder::world::Instant;
use std::io::{IsTerminal, Write, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is over by then says nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two lines on a terminal.
const REFRESH: Duration = Duration::from_millis(200);
/// Time between two lines in a log.
const LOGGED: Duration = Duration::from_secs(10);
/// Signs of a full bar.
const BAR: usize = 20;

/// Where it is said how far some work is.
pub(crate) struct ProgressReport {
    is_quiet: bool,
    is_terminal: bool,
    state: Mutex<ProgressState>,
}

struct ProgressState {
    begun: Instant,
    /// Not before that.
    next: Instant,
    is_shown: bool,
}

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProgressCount {
    /// So many, of bytes where the unit is megabytes.
    pub(crate) count: u64,
    /// Of so many, where that is known.
    pub(crate) of: Option<u64>,
    /// What is counted.
    pub(crate) unit: ProgressUnit,
    /// What was done to them: `read`, `written`.
    pub(crate) verb: &'static str,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressUnit {
    /// Bytes, said by the million.
    Megabytes,
    /// Rows.
    Rows,
    /// Events.
    Events,
    /// Seconds of a log, by when its messages were published.
    Seconds,
}

impl ProgressUnit {
    fn name(self) -> &'static str {
        match self {
            ProgressUnit::Megabytes => "MB",
            ProgressUnit::Rows => "rows",
            ProgressUnit::Events => "events",
            ProgressUnit::Seconds => "s of the log",
        }
    }

    fn amount(self, count: u64) -> f64 {
        match self {
            ProgressUnit::Megabytes => count as f64 / 1e6,
            ProgressUnit::Rows | ProgressUnit::Events | ProgressUnit::Seconds => count as f64,
        }
    }
}

impl ProgressReport {
    /// Of work that begins now; says nothing ever if it is to be quiet.
    pub(crate) fn new(is_quiet: bool) -> ProgressReport {
        // A bar is no line of JSON.
        let is_terminal = stderr().is_terminal() && !log::is_json();
        let begun = Instant::now();
        let next = begun + if is_terminal { PATIENCE } else { LOGGED };
        ProgressReport { is_quiet, is_terminal, state: Mutex::new(ProgressState { begun, next, is_shown: false }) }
    }

    /// Whether anything was said.
    pub(crate) fn was_shown(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_shown
    }

    /// Says how much is done, if it is time to.
    pub(crate) fn tell(&self, done: ProgressCount) {
        if self.is_quiet {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now < state.next {
            return;
        }
        state.next = now + if self.is_terminal { REFRESH } else { LOGGED };
        let said = said(done, now.saturating_duration_since(state.begun));
        match self.is_terminal {
            // Nobody reads it where it cannot be written.
            true => _ = write!(stderr(), "\r\x1b[K{}{said}", bar(done)),
            false => log::say(said),
        }
        state.is_shown = true;
    }
}

impl Drop for ProgressReport {
    fn drop(&mut self) {
        if self.is_terminal && self.state.lock().unwrap_or_else(PoisonError::into_inner).is_shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

/// How much of it is done, from 0 to 1, where that is known.
fn part(ProgressCount { count, of, .. }: ProgressCount) -> Option<f64> {
    of.filter(|of| *of > 0).map(|of| (count as f64 / of as f64).min(1.0))
}

/// A bar and the space behind it; nothing where nobody knows how much there is.
fn bar(done: ProgressCount) -> String {
    let Some(part) = part(done) else { return String::new() };
    let full = (part * BAR as f64) as usize;
    format!("[{}{}] ", "=".repeat(full), " ".repeat(BAR - full))
}

/// In the units of people: how many of all of them, and how many a second.
fn said(done: ProgressCount, time: Duration) -> String {
    let ProgressCount { count, of, unit, verb } = done;
    let (name, amount) = (unit.name(), unit.amount(count));
    let rate = amount / time.as_secs_f64().max(1e-9);
    match part(done).zip(of) {
        Some((part, of)) => {
            let of = unit.amount(of);
            let left = left((of - amount) / rate).map(|left| format!(", {left} left")).unwrap_or_default();
            format!("{:.0} % {verb}, {amount:.0} of {of:.0} {name}, {rate:.0} {name}/s{left}", part * 100.0)
        }
        None => format!("{amount:.0} {name} {verb}, {rate:.0} {name}/s"),
    }
}

/// A time that is left, in the unit that people would say it in; nothing if there is none, or nobody knows.
fn left(seconds: f64) -> Option<String> {
    let (unit, of) = match seconds {
        s if !s.is_finite() || s <= 0.0 => return None,
        s if s < 120.0 => ("s", 1.0),
        s if s < 7200.0 => ("min", 60.0),
        _ => ("h", 3600.0),
    };
    Some(format!("{:.0} {unit}", (seconds / of).ceil()))
}

#[cfg(test)]
mod tests {
    use super::{ProgressCount, ProgressUnit, bar, left, said};
    use std::time::Duration;

    #[test]
    fn how_far_it_is_is_said_in_units_of_people() {
        let second = Duration::from_secs(2);
        let check = |(count, of), (unit, verb), line: &str| {
            assert_eq!(said(ProgressCount { count, of, unit, verb }, second), line);
        };
        check(
            (30_000_000, Some(120_000_000)),
            (ProgressUnit::Megabytes, "read"),
            "25 % read, 30 of 120 MB, 15 MB/s, 6 s left",
        );
        check((3_000, None), (ProgressUnit::Rows, "read"), "3000 rows read, 1500 rows/s");
        check((30_000_000, None), (ProgressUnit::Megabytes, "read"), "30 MB read, 15 MB/s");
        check(
            (300, Some(400)),
            (ProgressUnit::Events, "written"),
            "75 % written, 300 of 400 events, 150 events/s, 1 s left",
        );
        check((8, Some(0)), (ProgressUnit::Events, "written"), "8 events written, 4 events/s");
        check((0, Some(8)), (ProgressUnit::Events, "written"), "0 % written, 0 of 8 events, 0 events/s");
        check((8, Some(8)), (ProgressUnit::Events, "written"), "100 % written, 8 of 8 events, 4 events/s");
        let behind = "25 % caught up, 600 of 2400 s of the log, 300 s of the log/s, 6 s left";
        check((600, Some(2400)), (ProgressUnit::Seconds, "caught up"), behind);
    }

    #[test]
    fn what_is_left_is_said_in_the_unit_that_fits() {
        let all = [0.2, 119.0, 120.0, 7199.0, 7200.0].map(left);
        assert_eq!(all.map(Option::unwrap_or_default), ["1 s", "119 s", "2 min", "120 min", "2 h"]);
        assert_eq!([0.0, -1.0, f64::INFINITY, f64::NAN].map(left), [None, None, None, None]);
    }

    #[test]
    fn a_bar_grows_to_its_full_length() {
        let of = |count, of| bar(ProgressCount { count, of, unit: ProgressUnit::Events, verb: "written" });
        assert_eq!(of(0, Some(8)), "[                    ] ");
        assert_eq!(of(2, Some(8)), "[=====               ] ");
        assert_eq!(of(8, Some(8)), "[====================] ");
        assert_eq!(of(9, Some(8)), of(8, Some(8)), "a file may grow while it is read");
        assert_eq!(of(9, None), "");
    }
}
