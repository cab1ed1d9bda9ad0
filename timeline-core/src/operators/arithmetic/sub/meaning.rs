//! The difference; absent if either is.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline};

pub(crate) fn of(a: NodeId, b: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::Number(inputs.number(a).with(inputs.number(b), |a, b| Some(a?.sub(b?))))
}
