//! True from the first stretch on, for ever.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Stretch, Whole, true_on};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> Whole {
    let first: Vec<Stretch> = inputs.stretches(of).iter().map(|(start, _)| (*start, None)).min().into_iter().collect();
    Whole::State(true_on(inputs.origin(), &first))
}
