//! The same number; absent where the input is.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Whole, number_of};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> Whole {
    match inputs.whole(of) {
        Whole::Number(number) => Whole::Number(number.clone()),
        _ => Whole::Number(inputs.state(of).map(|value| number_of(&value))),
    }
}
