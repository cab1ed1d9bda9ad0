//! True on each stretch and `window` longer; past the end of time it has no end. A match is a stretch of no length.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, Stretch, Whole, true_on};

pub(crate) fn of(of: NodeId, window: Time, inputs: &Inputs<'_>) -> Whole {
    let prolonged = |(start, end): (Time, Option<Time>)| (start, end.and_then(|end| end.checked_add(window)));
    let stretches: Vec<Stretch> = inputs.stretches(of).into_iter().map(prolonged).collect();
    Whole::State(true_on(inputs.origin(), &stretches))
}
