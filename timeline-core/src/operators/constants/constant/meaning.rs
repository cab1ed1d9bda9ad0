//! The value, for ever.

use crate::Value;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise};

pub(crate) fn of(value: &Value, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(Piecewise::constant(inputs.origin(), Some(value.clone())))
}
