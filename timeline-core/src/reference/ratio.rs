//! Quotients, kept as their two numbers.

use super::logic::boolean;
use super::number::{NumberTimeline, PointNumber, refined};
use super::piecewise::Piecewise;
use super::state::StateTimeline;
use crate::plan::{Compare, RatioUnit};
use crate::{SECOND, Time};

/// The comparison of `n / d` with `p / q` at every integer nanosecond: `n * q` with `p * d`, turned round where `d` is negative.
///
/// It is absent where `n` or `d` is, and where `d` is zero.
/// A number per duration counts per second, so there `n` counts [`SECOND`] times.
///
/// `exactly` is the sign of multiples of `n` and `d` together, where that can be told better than by floats; it turns at
/// some of `turns`.
pub(crate) fn compare_ratio(
    compare: Compare,
    (n, d): (&NumberTimeline, &NumberTimeline),
    unit: RatioUnit,
    (p, q): (i64, i64),
    exactly: &dyn Fn([i64; 2], Time) -> Option<i32>,
    turns: Vec<Time>,
) -> StateTimeline {
    let per_second = if unit == RatioUnit::PerSecond { SECOND } else { 1 };
    let scale = PointNumber::Exact(i128::from(q) * i128::from(per_second));
    let limit = PointNumber::Exact(i128::from(p));
    let denominator = |t: Time| d.at(t).map(|d| PointNumber::from(d).sign());
    let factors = q.checked_mul(per_second).zip(p.checked_neg());
    let cross = |t: Time| {
        let (above, below) = (PointNumber::from(n.at(t)?), PointNumber::from(d.at(t)?));
        let exact = factors.and_then(|(q, p)| exactly([q, p], t));
        Some(exact.unwrap_or_else(|| above.times(scale).compare(limit.times(below))))
    };
    let instants = refined(n, d, &[&denominator, &cross]).into_iter().chain(turns).collect();
    Piecewise::at_instants(instants, |t| {
        let holds = || match denominator(t)? {
            0 => None,
            sign => Some(compare.holds((sign * cross(t)?).cmp(&0))),
        };
        boolean(holds())
    })
}
