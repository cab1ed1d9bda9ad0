//! `x(t) - x(t - window)`, where `x` is 0 before its origin.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, cumulative, over_last};

pub(crate) fn of(of: NodeId, window: Time, inputs: &Inputs<'_>) -> NodeTimeline {
    let unit = inputs.unit(of);
    NodeTimeline::Number(over_last(&cumulative(inputs.number(of), unit), window, unit).map(Some))
}
