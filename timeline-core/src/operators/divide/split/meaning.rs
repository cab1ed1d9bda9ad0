//! A share for every value of the dimensions that is ever in force.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline};

pub(crate) fn of(of: NodeId, by: &[NodeId], cap: u32, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::Split(inputs.split(of, by, cap))
}
