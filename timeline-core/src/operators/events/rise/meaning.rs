//! Where the state becomes true.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence, true_stretches};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let stretches = true_stretches(inputs.state(of)).into_iter();
    NodeTimeline::Events(stretches.map(|(start, _)| Occurrence::of_instant(start)).collect())
}
