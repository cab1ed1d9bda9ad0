//! The windows of the clock.

use crate::plan::Every;
use crate::reference::parts::{Inputs, NodeTimeline, windows};

pub(crate) fn of(every: &Every, inputs: &Inputs<'_>) -> NodeTimeline {
    NodeTimeline::State(windows(inputs.origin(), inputs.horizon(), every))
}
