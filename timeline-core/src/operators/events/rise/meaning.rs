//! Where the state becomes true.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Occurrence, Whole, true_stretches};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> Whole {
    let stretches = true_stretches(inputs.state(of)).into_iter();
    Whole::Events(stretches.map(|(start, _)| Occurrence::of_instant(start)).collect())
}
