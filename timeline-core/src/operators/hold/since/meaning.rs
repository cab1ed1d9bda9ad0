//! True where a true stretch of the first state reaches back to the last instant at which the second was true: into it, while
//! it lasts, and beyond its end, once it is over.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, boolean};

pub(crate) fn of(held: NodeId, begun: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let (held, begun) = (inputs.stretches(held), inputs.stretches(begun));
    let edges = held.iter().chain(&begun).flat_map(|(start, end)| [Some(*start), *end]).flatten();
    let instants = std::iter::once(inputs.origin()).chain(edges).collect();
    NodeTimeline::State(Piecewise::at_instants(instants, |t: Time| {
        let last = begun.iter().rev().find(|(start, _)| *start <= t);
        // Of a stretch that is over, the instants just before its end are the last ones.
        let reaches_back = |start: Time| {
            last.is_some_and(|(_, end)| match end.filter(|end| *end <= t) {
                Some(end) => start < end,
                None => true,
            })
        };
        let holds =
            held.iter().any(|(start, end)| *start <= t && end.is_none_or(|end| t < end) && reaches_back(*start));
        boolean(Some(holds))
    }))
}
