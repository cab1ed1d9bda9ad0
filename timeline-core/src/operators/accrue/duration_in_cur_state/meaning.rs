//! The time since the current value was entered; 0 while absent.

use crate::Linear;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let state = inputs.state(of);
    NodeTimeline::Number(Piecewise::at_instants(state.starts(), |t| {
        // Pieces of a state are maximal, so a piece starts where its value was entered.
        let slope = i128::from(state.at(t).is_some());
        Some(Linear::Exact { value: 0, slope })
    }))
}
