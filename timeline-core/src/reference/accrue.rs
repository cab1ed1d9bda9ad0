//! Windows of the clock.

use super::piecewise::Piecewise;
use super::state::StateTimeline;
use crate::plan::Every;
use crate::{Time, Value};

/// The windows of the clock, as far as the session is looked at and ten more; the last of them goes on.
pub(crate) fn windows(origin: Time, horizon: Time, every: &Every) -> StateTimeline {
    let mut starts = vec![origin];
    let mut beyond = 0;
    while let (true, (_, end)) = (beyond <= 10, window(every, starts[starts.len() - 1]))
        && end < Time::MAX
    {
        starts.push(end);
        beyond += usize::from(end > horizon);
    }
    Piecewise::at_instants(starts, |t| Some(Value::Int(window(every, t).0)))
}

/// The window in which an instant is. Those of a length are counted here anew, by what they are.
pub(super) fn window(every: &Every, t: Time) -> (Time, Time) {
    let Every::Length { length, offset } = every else { return every.around(t) };
    let n = (i128::from(t) - i128::from(*offset)).div_euclid(i128::from(*length));
    let begins = |n: i128| {
        let at = n * i128::from(*length) + i128::from(*offset);
        at.clamp(i128::from(-Time::MAX), i128::from(Time::MAX)) as Time
    };
    (begins(n), begins(n + 1))
}
