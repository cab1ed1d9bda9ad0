//! How many matches there were at or before `t`.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Piecewise, Whole, instants, times, whole_number};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> Whole {
    let times = times(inputs.events(of));
    Whole::Number(Piecewise::at_instants(instants(inputs.origin(), &times), |t| {
        whole_number(times.iter().filter(|x| **x <= t).count())
    }))
}
