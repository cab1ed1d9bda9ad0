//! The greatest payload: one that is greater than all before it.

use crate::Value;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, until};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let greater = |best: Value, next: Value| if next.compare(&best).is_some_and(|is| is.is_gt()) { next } else { best };
    NodeTimeline::State(until(inputs.origin(), inputs.events(of), |past| {
        past.iter().filter_map(|e| e.payload.clone()).reduce(greater)
    }))
}
