//! Whether the comparison holds; absent where either side is.

use crate::plan::{Compare, NodeId};
use crate::reference::parts::{Inputs, Whole, boolean, compare};

pub(crate) fn of(sign: Compare, left: NodeId, right: NodeId, inputs: &Inputs<'_>) -> Whole {
    Whole::State(inputs.state(left).with(inputs.state(right), |a, b| boolean(compare(sign, &a, &b))))
}
