//! Numbers that grow by themselves between changes of their input: the longest stretch, the length of the state before,
//! and the integral.
//!
//! Each keeps what it had come to when its input last changed, and since when what is in force has been.

use super::code::{Bool, State};
use super::compile::Compiled;
use super::number;
use super::row::{ABSENT, NEVER, NOT_SINCE, Row, truth};
use crate::plan::NodeId;
use crate::{Linear, Time};

/// `longest(b)` when its input may have changed; true if it turned.
///
/// Words: the longest stretch that is over, and the start of the one that goes on.
pub(super) fn longest(row: &mut Row<'_>, of: Bool, at: usize, now: Time) -> bool {
    let running = of.get(row.words) == truth::TRUE;
    let since = row.words[at + 1] as Time;
    match (running, since == NOT_SINCE) {
        (true, true) => row.words[at + 1] = now as u64,
        (false, false) => {
            let best = row.words[at] as Time;
            row.words[at] = best.max(now.saturating_sub(since)) as u64;
            row.words[at + 1] = NOT_SINCE as u64;
        }
        _ => return false,
    }
    true
}

/// When the stretch that goes on becomes the longest one, from where on the number grows.
#[inline]
pub(super) fn overtakes(words: &[u64], at: usize) -> Time {
    match words[at + 1] as Time {
        NOT_SINCE => NEVER,
        since => since.saturating_add(words[at] as Time),
    }
}

pub(super) fn longest_linear(words: &[u64], at: usize, now: Time) -> Linear {
    let best = i128::from(words[at] as Time);
    match words[at + 1] as Time {
        NOT_SINCE => Linear::exact(best),
        since => {
            let present = i128::from(now) - i128::from(since);
            if present >= best { Linear::Exact { value: present, slope: 1 } } else { Linear::exact(best) }
        }
    }
}

/// `duration_of_previous_state(s)` when its input may have changed; true if a value was left or entered.
///
/// Words: when the value was entered, the value, and how long the one before was in force.
pub(super) fn previous(row: &mut Row<'_>, of: State, at: usize, now: Time, fresh: bool) -> bool {
    let value = of.get(row.words);
    let before = row.words[at + 1];
    if value == before && !fresh {
        return false;
    }
    if before != ABSENT && !fresh {
        let entered = row.words[at] as Time;
        row.words[at + 2] = now.saturating_sub(entered) as u64;
    }
    row.words[at] = now as u64;
    row.words[at + 1] = value;
    true
}

pub(super) fn previous_linear(words: &[u64], at: usize) -> Option<Linear> {
    match words[at + 2] as Time {
        NOT_SINCE => None,
        length => Some(Linear::exact(i128::from(length))),
    }
}

/// `integral(x)` when one of its inputs may have changed; true if another value is now in force.
///
/// Words: what has come together (a float, times nanoseconds, and what it lacks), since when the value is in force, and the value;
/// absent is 0 and adds nothing.
pub(super) fn integral(
    compiled: &Compiled,
    row: &mut Row<'_>,
    of: NodeId,
    over: Option<Bool>,
    at: usize,
    now: Time,
) -> bool {
    let counts = over.is_none_or(|over| over.get(row.words) == truth::TRUE);
    let value = if counts { number::linear(compiled, row, of) } else { None };
    // There is one zero; what has overflowed is no value.
    let word = match value.map(|x| x.as_floats().0 + 0.0) {
        Some(x) if x.is_finite() => x.to_bits(),
        _ => 0f64.to_bits(),
    };
    if word == row.words[at + 3] {
        return false;
    }
    let Linear::Float { value, rest, .. } = integral_linear(row.words, at, now) else { return false };
    row.words[at] = value.to_bits();
    row.words[at + 1] = rest.to_bits();
    row.words[at + 2] = now as u64;
    row.words[at + 3] = word;
    true
}

pub(super) fn integral_linear(words: &[u64], at: usize, now: Time) -> Linear {
    let [value, rest, slope] = [0, 1, 3].map(|word| f64::from_bits(words[at + word]));
    let time = i128::from(now) - i128::from(words[at + 2] as Time);
    Linear::Float { value, rest, slope }.after_wide(time)
}
