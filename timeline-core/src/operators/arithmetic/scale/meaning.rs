//! The multiple; absent where the number is.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline};

pub(crate) fn of(of: NodeId, factor: i64, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::Number(inputs.number(of).map(|x| Some(x?.scale(factor))))
}
