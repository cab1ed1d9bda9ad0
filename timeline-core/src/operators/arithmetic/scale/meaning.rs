//! The multiple; absent where the number is.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Whole};

pub(crate) fn of(of: NodeId, factor: i64, inputs: &Inputs<'_>) -> Whole {
    Whole::Number(inputs.number(of).map(|x| Some(x?.scale(factor))))
}
