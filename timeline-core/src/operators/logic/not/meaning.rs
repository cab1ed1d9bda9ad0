//! True where it is false, false where it is true, absent where it is.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, boolean, truth};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(inputs.state(of).map(|a| boolean(truth(&a).map(|a| !a))))
}
