//! For how many sessions of a group a condition is true at once.
//!
//! The count is a step function from the beginning of the group's first session to the latest instant at which one of its
//! sessions is read. A session that is over counts up to where it is read, a live one goes on.
//! In a window of the clock it is one from the window's beginning to its end, or to the horizon.
//! Of each session the last true spans count, as many as the cap says; what was true before them counts in the mean alone.

use super::number::PointNumber;
use super::piecewise::{ShownExtent, since};
use super::readings::MetricValue;
use super::state::{StateSpan, StateTimeline, true_stretches};
use super::windows::ReferenceRow;
use crate::Time;
use crate::plan::AggregateFunction;

/// What one session adds to the count.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    from: Time,
    until: Time,
    stretches: Vec<StateSpan>,
    /// For how long it was true before these.
    before: i128,
}

/// A row, its state, and the window that it is told by.
type Windowed<'a> = (ReferenceRow, &'a StateTimeline, (Time, Time));

impl Presence {
    /// Where each of some states is true, of which never two are at once, as far as the session is read. The cap is one of
    /// all their spans.
    pub(super) fn of(origin: Time, states: &[&StateTimeline], extent: ShownExtent, cap: u32) -> Vec<Self> {
        let until = extent.limit();
        let begun = |state: &&StateTimeline| -> Vec<StateSpan> {
            true_stretches(state).into_iter().filter(|(start, _)| *start <= until).collect()
        };
        let all: Vec<Vec<StateSpan>> = states.iter().map(begun).collect();
        let mut starts: Vec<Time> = all.iter().flatten().map(|(start, _)| *start).collect();
        starts.sort_unstable();
        let first = starts.len().checked_sub(cap as usize).and_then(|n| starts.get(n)).copied().unwrap_or(Time::MIN);
        let presence = |stretches: Vec<StateSpan>| {
            let (kept, forgotten): (Vec<_>, Vec<_>) = stretches.into_iter().partition(|(start, _)| *start >= first);
            let before = forgotten.iter().map(|(start, end)| since(*start, end.unwrap_or(until))).sum();
            let shown = kept.into_iter().filter_map(|(start, end)| extent.show(start, end));
            Presence { from: origin, until, stretches: shown.collect(), before }
        };
        all.into_iter().map(presence).collect()
    }

    /// The same of states that are told by windows of the clock, each with its row: what is true where a window begins has
    /// begun there, and what is true where it ends is true at its end. The cap is one of each window.
    pub(super) fn of_windows(rows: &[Windowed<'_>], cap: u32, horizon: Time) -> Vec<Self> {
        let stretches = |(row, state, _): &Windowed<'_>| -> Vec<StateSpan> {
            let within = state.from(row.start);
            let begun = true_stretches(&within).into_iter().filter(|(start, _)| {
                // What begins at the end of a window that is over belongs to the next.
                if row.before { *start < row.at } else { *start <= row.at }
            });
            let end = |end: Option<Time>| match end {
                Some(end) if end < row.at || (end == row.at && !row.before) => Some(end),
                // It goes on beyond the window's end, or ends with the session.
                _ if row.is_last => Some(row.at),
                _ => None,
            };
            begun.map(|(start, until)| (start, end(until))).collect()
        };
        let all: Vec<Vec<StateSpan>> = rows.iter().map(stretches).collect();
        let presence = |(own, (row, _, window)): (&Vec<StateSpan>, &Windowed<'_>)| {
            let same = all.iter().zip(rows).filter(|(_, (_, _, other))| other == window);
            let mut starts: Vec<Time> =
                same.flat_map(|(stretches, _)| stretches.iter().map(|(start, _)| *start)).collect();
            starts.sort_unstable();
            let first =
                starts.len().checked_sub(cap as usize).and_then(|n| starts.get(n)).copied().unwrap_or(Time::MIN);
            let (kept, forgotten): (Vec<_>, Vec<_>) = own.iter().copied().partition(|(start, _)| *start >= first);
            let before = forgotten.iter().map(|(start, end)| since(*start, end.unwrap_or(row.at))).sum();
            let stretches = kept.into_iter().filter(|(start, end)| *end != Some(*start)).collect();
            // The whole window counts, whenever the session ended in it.
            Presence { from: window.0, until: window.1.min(horizon), stretches, before }
        };
        all.iter().zip(rows).map(presence).collect()
    }
}

/// A function of the count; absent without sessions, and for functions of other metrics.
pub(super) fn count(function: &AggregateFunction, sessions: &[Presence]) -> MetricValue {
    let all = || sessions.iter().flat_map(|session| session.stretches.iter().copied());
    let (Some(from), Some(until)) = (sessions.iter().map(|s| s.from).min(), sessions.iter().map(|s| s.until).max())
    else {
        return MetricValue::Absent;
    };
    let exact = |x: usize| MetricValue::Number(PointNumber::Exact(x as i128));
    let at = |t: Time| all().filter(|(start, end)| *start <= t && end.is_none_or(|end| t < end)).count();
    match function {
        AggregateFunction::Now => exact(all().filter(|(_, end)| end.is_none()).count()),
        AggregateFunction::Peak => exact(all().map(|(start, _)| at(start)).max().unwrap_or(0)),
        AggregateFunction::Mean => MetricValue::Ratio {
            numerator: PointNumber::Exact(
                all().map(|(start, end)| since(start, end.unwrap_or(until))).sum::<i128>()
                    + sessions.iter().map(|s| s.before).sum::<i128>(),
            ),
            denominator: PointNumber::Exact(since(from, until)),
        },
        _ => MetricValue::Absent,
    }
}
