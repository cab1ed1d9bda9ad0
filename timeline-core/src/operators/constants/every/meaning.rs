//! The windows of the clock.

use crate::Time;
use crate::reference::parts::{Inputs, Whole, windows};

pub(crate) fn of(length: Time, inputs: &Inputs<'_>) -> Whole {
    Whole::State(windows(inputs.origin(), inputs.horizon(), length))
}
