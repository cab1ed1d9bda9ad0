//! Where the state goes from a value to another one.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let spans = inputs.state(of).spans();
    // Spans are maximal, so neighbours differ.
    let both = spans.windows(2).filter(|pair| pair.iter().all(|span| span.value.is_some()));
    NodeTimeline::Events(both.map(|pair| Occurrence::of_instant(pair[1].start)).collect())
}
