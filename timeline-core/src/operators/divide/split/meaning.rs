//! A share for every value of the dimensions that is ever in force.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Whole};

pub(crate) fn of(of: NodeId, by: &[NodeId], cap: u32, inputs: &Inputs<'_>) -> Whole {
    Whole::Split(inputs.split(of, by, cap))
}
