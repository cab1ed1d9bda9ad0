//! False if either is, true if both are, else absent.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Whole, and, boolean, truth};

pub(crate) fn of(a: NodeId, b: NodeId, inputs: &Inputs<'_>) -> Whole {
    Whole::State(inputs.state(a).with(inputs.state(b), |a, b| boolean(and(truth(&a), truth(&b)))))
}
