//! The windows of the clock.

use crate::plan::Every;
use crate::reference::parts::{Inputs, Whole, windows};

pub(crate) fn of(every: &Every, inputs: &Inputs<'_>) -> Whole {
    Whole::State(windows(inputs.origin(), inputs.horizon(), every))
}
