//! The first where it has a value, else the second.

use crate::plan::{Kind, NodeId};
use crate::reference::parts::{Inputs, Whole};

pub(crate) fn of(a: NodeId, b: NodeId, inputs: &Inputs<'_>) -> Whole {
    match inputs.kind() {
        Kind::Number(unit) => {
            let first = inputs.number(a).with(inputs.number(b), |a, b| a.or(b));
            Whole::Number(first.map(|x| Some(x?.in_unit(unit))))
        }
        _ => Whole::State(inputs.state(a).with(inputs.state(b), |a, b| a.or(b))),
    }
}
