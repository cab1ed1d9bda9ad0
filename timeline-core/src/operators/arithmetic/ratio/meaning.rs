//! Both sides as they are.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline};

pub(crate) fn of(numerator: NodeId, denominator: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let (numerator, denominator) = (inputs.number(numerator).clone(), inputs.number(denominator).clone());
    NodeTimeline::Ratio { numerator, denominator }
}
