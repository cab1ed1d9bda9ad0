//! The time since the end of the last stretch that has begun; 0 within one. A match is a stretch of no length.

use crate::Linear;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, since};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let stretches = inputs.stretches(of);
    let edges = stretches.iter().flat_map(|(start, end)| [Some(*start), *end]).flatten();
    NodeTimeline::Number(Piecewise::at_instants(std::iter::once(inputs.origin()).chain(edges).collect(), |t| {
        let (_, end) = stretches.iter().rev().find(|(start, _)| *start <= t)?;
        match end.filter(|end| *end <= t) {
            None => Some(Linear::exact(0)),
            Some(end) => Some(Linear::Exact { value: since(end, t), slope: 1 }),
        }
    }))
}
