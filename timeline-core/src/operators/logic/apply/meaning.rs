//! The function of what its arguments say at each instant.

use crate::plan::{NodeId, Scalar};
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise};

pub(crate) fn of(function: Scalar, of: &[NodeId], inputs: &Inputs<'_>) -> NodeTimeline {
    let turns = of.iter().flat_map(|id| inputs.starts(*id)).chain([inputs.origin()]).collect();
    let says = |t| of.iter().map(|id| inputs.sample(*id, t)).collect::<Vec<_>>();
    NodeTimeline::State(Piecewise::at_instants(turns, |t| function.apply(&says(t))))
}
