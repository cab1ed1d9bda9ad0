//! The hours of a local clock, as far as the session is looked at and ten days more; the last of them go on.

use crate::calendar::hours::{ZoneHours, edges};
use crate::plan::LocalHours;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, boolean};

pub(crate) fn of(hours: &LocalHours, inputs: &Inputs<'_>) -> NodeTimeline {
    let (origin, clock) = (inputs.origin(), ZoneHours::new(hours));
    let until = inputs.horizon().saturating_add(10 * LocalHours::DAY);
    let later = edges(hours, origin, until).into_iter().filter(|at| *at > origin);
    NodeTimeline::State(Piecewise::at_instants(std::iter::once(origin).chain(later).collect(), |t| {
        boolean(Some(clock.holds(t)))
    }))
}
