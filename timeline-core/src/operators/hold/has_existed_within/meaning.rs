//! True on each stretch and `window` longer; past the end of time it has no end. A match is a stretch of no length.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, StateSpan, true_on};

pub(crate) fn of(of: NodeId, window: Time, inputs: &Inputs<'_>) -> NodeTimeline {
    let prolonged = |(start, end): (Time, Option<Time>)| (start, end.and_then(|end| end.checked_add(window)));
    let stretches: Vec<StateSpan> = inputs.stretches(of).into_iter().map(prolonged).collect();
    NodeTimeline::State(true_on(inputs.origin(), &stretches))
}
