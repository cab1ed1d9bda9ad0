//! How many matches there were at or before `t`.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, instants, times, whole_number};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let times = times(inputs.events(of));
    NodeTimeline::Number(Piecewise::at_instants(instants(inputs.origin(), &times), |t| {
        whole_number(times.iter().filter(|x| **x <= t).count())
    }))
}
