//! `split by`: which part of a cumulative number each value of the dimensions is charged with.

use super::number::zero;
use super::piecewise::{PieceValue, Piecewise, since};
use super::whole::NodeTimeline;
use crate::plan::Unit;
use crate::{Linear, Time, Value};

/// The values of a split's dimensions, in its order; absent is `None`.
pub type SplitKey = Vec<Option<Value>>;

/// One value's share of a split timeline: a function over the whole session, zero before the value comes into force.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareTimeline {
    /// Who is charged.
    pub dimensions: SplitKey,
    /// The first instant at which these values are in force.
    pub since: Time,
    /// The window of the clock that is one of the values: its first instant, and the first after it.
    pub window: Option<(Time, Time)>,
    /// What they are charged with: a [`NodeTimeline::Number`] or a [`NodeTimeline::Ratio`].
    pub timeline: NodeTimeline,
}

/// The values that are charged where only the first `cap` of them have a share: in place of all others absent ones, which
/// do not count. Where one of the dimensions is a window of the clock, the cap is one of each window.
pub(super) fn capped(in_force: &Piecewise<SplitKey>, window: Option<usize>, cap: u32) -> Piecewise<SplitKey> {
    let others = |dimensions: &SplitKey| {
        let others = dimensions.iter().enumerate().filter(|(d, _)| window != Some(*d));
        others.map(|(_, value)| value.clone()).collect::<SplitKey>()
    };
    let mut kept: Vec<SplitKey> = vec![];
    for span in in_force.spans() {
        let in_window = |known: &&SplitKey| window.is_none_or(|d| known[d] == span.value[d]);
        let count = kept.iter().filter(in_window).count();
        if count < cap as usize && others(&span.value).iter().any(Option::is_some) && !kept.contains(&span.value) {
            kept.push(span.value);
        }
    }
    in_force.map(|dimensions| {
        if kept.contains(&dimensions) {
            return dimensions;
        }
        dimensions.into_iter().enumerate().map(|(d, value)| value.filter(|_| window == Some(d))).collect()
    })
}

/// A share for every value that is ever in force, in the order in which they come into force.
pub(super) fn shares(
    in_force: &Piecewise<SplitKey>,
    timeline: impl Fn(&SplitKey) -> NodeTimeline,
) -> Vec<ShareTimeline> {
    let mut shares: Vec<ShareTimeline> = vec![];
    for span in in_force.spans() {
        if shares.iter().all(|share| share.dimensions != span.value) {
            let timeline = timeline(&span.value);
            shares.push(ShareTimeline { dimensions: span.value, since: span.start, window: None, timeline });
        }
    }
    shares
}

/// What `dimensions` is charged with of `x`: it grows as `x` does while they are in force, and stands still otherwise.
/// A jump of `x` belongs to the values that are in force after it; the value at the origin is a jump from 0.
pub(super) fn share(
    x: &Piecewise<Linear>,
    in_force: &Piecewise<SplitKey>,
    dimensions: &SplitKey,
    unit: Unit,
) -> Piecewise<Linear> {
    let mut instants: Vec<Time> = x.starts().into_iter().chain(in_force.starts()).collect();
    instants.sort_unstable();
    instants.dedup();
    // What has been charged when each instant is over, and the slope from there on.
    let (mut charged, mut last, mut pieces) = (zero(unit), x.origin(), vec![]);
    for t in instants {
        charged = PieceValue::after(&charged, since(last, t)).level();
        if in_force.at(t) == *dimensions {
            let before = x.before(t).unwrap_or(zero(unit));
            charged = charged.add(x.at(t).sub(before.level()));
        }
        pieces.push((t, charged));
        last = t;
    }
    Piecewise::steps(x.origin(), zero(unit), &pieces)
}
