//! Whether the comparison holds; absent where either side is.

use crate::plan::{Compare, NodeId};
use crate::reference::parts::{Inputs, NodeTimeline, boolean, compare};

pub(crate) fn of(sign: Compare, left: NodeId, right: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(inputs.state(left).with(inputs.state(right), |a, b| boolean(compare(sign, &a, &b))))
}
