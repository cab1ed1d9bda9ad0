//! The time for which a condition was true in `[origin, t)`.

use crate::Linear;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, since, true_stretches, truth};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let state = inputs.state(of);
    let stretches = true_stretches(state);
    NodeTimeline::Number(Piecewise::at_instants(state.starts(), |t| {
        let begun = stretches.iter().filter(|(start, _)| *start < t);
        let value = begun.map(|(start, end)| since(*start, end.map_or(t, |end| end.min(t)))).sum();
        let slope = i128::from(truth(&state.at(t)) == Some(true));
        Some(Linear::Exact { value, slope })
    }))
}
