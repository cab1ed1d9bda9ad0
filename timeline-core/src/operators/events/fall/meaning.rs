//! Where the state stops being true.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence, true_stretches};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let stretches = true_stretches(inputs.state(of)).into_iter();
    NodeTimeline::Events(stretches.filter_map(|(_, end)| end.map(Occurrence::of_instant)).collect())
}
