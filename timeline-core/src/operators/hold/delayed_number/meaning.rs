//! The number `length` ago; absent before the session was that old.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise};

pub(crate) fn of(of: NodeId, length: Time, inputs: &Inputs<'_>) -> NodeTimeline {
    let (number, origin) = (inputs.number(of), inputs.origin());
    let later = number.starts().into_iter().chain([origin]).filter_map(|start| start.checked_add(length));
    NodeTimeline::Number(Piecewise::at_instants(std::iter::once(origin).chain(later).collect(), |t: Time| {
        let past = t.checked_sub(length).filter(|past| *past >= origin)?;
        number.at(past)
    }))
}
