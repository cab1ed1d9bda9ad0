//! False if either is, true if both are, else absent.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, and, boolean, truth};

pub(crate) fn of(a: NodeId, b: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(inputs.state(a).with(inputs.state(b), |a, b| boolean(and(truth(&a), truth(&b)))))
}
