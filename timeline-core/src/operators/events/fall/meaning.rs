//! Where the state stops being true.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Occurrence, Whole, true_stretches};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> Whole {
    let stretches = true_stretches(inputs.state(of)).into_iter();
    Whole::Events(stretches.filter_map(|(_, end)| end.map(Occurrence::of_instant)).collect())
}
