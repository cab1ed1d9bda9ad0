//! Both sides as they are.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Whole};

pub(crate) fn of(numerator: NodeId, denominator: NodeId, inputs: &Inputs<'_>) -> Whole {
    let (numerator, denominator) = (inputs.number(numerator).clone(), inputs.number(denominator).clone());
    Whole::Ratio { numerator, denominator }
}
