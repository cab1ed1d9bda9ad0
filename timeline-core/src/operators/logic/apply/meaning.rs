//! The function of what its arguments say at each instant.

use crate::plan::{NodeId, Scalar};
use crate::reference::parts::{Inputs, Piecewise, Whole};

pub(crate) fn of(function: Scalar, of: &[NodeId], inputs: &Inputs<'_>) -> Whole {
    let turns = of.iter().flat_map(|id| inputs.starts(*id)).chain([inputs.origin()]).collect();
    let says = |t| of.iter().map(|id| inputs.sample(*id, t)).collect::<Vec<_>>();
    Whole::State(Piecewise::at_instants(turns, |t| function.apply(&says(t))))
}
