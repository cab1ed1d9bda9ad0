//! True if either is, false if both are, else absent.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Whole, boolean, or, truth};

pub(crate) fn of(a: NodeId, b: NodeId, inputs: &Inputs<'_>) -> Whole {
    Whole::State(inputs.state(a).with(inputs.state(b), |a, b| boolean(or(truth(&a), truth(&b)))))
}
