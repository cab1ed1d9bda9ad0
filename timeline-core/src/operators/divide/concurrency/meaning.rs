//! The condition's truth, absent counting as false; the sessions are counted where totals are made.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, boolean, truth};

pub(crate) fn of(of: NodeId, _cap: u32, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(inputs.state(of).map(|value| boolean(Some(truth(&value) == Some(true)))))
}
