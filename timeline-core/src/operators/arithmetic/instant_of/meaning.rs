//! The same number; absent where the input is.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, number_of};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::Number(inputs.state(of).map(|value| number_of(&value)))
}
