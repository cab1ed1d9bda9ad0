//! `x(t) - x(t - window)`, where `x` is 0 before its origin.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Whole, cumulative, over_last};

pub(crate) fn of(of: NodeId, window: Time, inputs: &Inputs<'_>) -> Whole {
    let unit = inputs.unit(of);
    Whole::Number(over_last(&cumulative(inputs.number(of), unit), window, unit).map(Some))
}
