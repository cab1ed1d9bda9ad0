//! The state `length` ago; absent before the session was that old.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise};

pub(crate) fn of(of: NodeId, length: Time, inputs: &Inputs<'_>) -> NodeTimeline {
    let state = inputs.state(of);
    let later = state.starts().into_iter().filter_map(|start| start.checked_add(length));
    NodeTimeline::State(Piecewise::at_instants(std::iter::once(inputs.origin()).chain(later).collect(), |t: Time| {
        let past = t.checked_sub(length).filter(|past| *past >= inputs.origin())?;
        state.at(past)
    }))
}
