//! True from the first stretch on, for ever.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, StateSpan, true_on};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let first: Vec<StateSpan> =
        inputs.stretches(of).iter().map(|(start, _)| (*start, None)).min().into_iter().collect();
    NodeTimeline::State(true_on(inputs.origin(), &first))
}
