//! How many matches there were in `(t - window, t]`.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, instants, since, times, whole_number};

pub(crate) fn of(of: NodeId, window: Time, inputs: &Inputs<'_>) -> NodeTimeline {
    let times = times(inputs.events(of));
    let ends = times.iter().filter_map(|x| x.checked_add(window));
    let all = instants(inputs.origin(), &times).into_iter().chain(ends).collect();
    let counts = |x: &&Time, t: Time| **x <= t && since(**x, t) < i128::from(window);
    NodeTimeline::Number(Piecewise::at_instants(all, |t| whole_number(times.iter().filter(|x| counts(x, t)).count())))
}
