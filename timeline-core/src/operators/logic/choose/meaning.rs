//! One of two where the condition is true, the other elsewhere.

use crate::Time;
use crate::plan::{Kind, NodeId};
use crate::reference::parts::{Inputs, Piece, Piecewise, State, Whole, truth};

pub(crate) fn of(condition: NodeId, then: NodeId, otherwise: NodeId, inputs: &Inputs<'_>) -> Whole {
    let condition = inputs.state(condition);
    match inputs.kind() {
        Kind::Number(unit) => {
            let chosen = choice(condition, inputs.number(then), inputs.number(otherwise));
            Whole::Number(chosen.map(|x| Some(x?.in_unit(unit))))
        }
        _ => Whole::State(choice(condition, inputs.state(then), inputs.state(otherwise))),
    }
}

fn choice<T: Piece>(condition: &State, then: &Piecewise<T>, otherwise: &Piecewise<T>) -> Piecewise<T> {
    let holds = |t: Time| truth(&condition.at(t)) == Some(true);
    let starts = [condition.starts(), then.starts(), otherwise.starts()].concat();
    Piecewise::at_instants(starts, |t| if holds(t) { then.at(t) } else { otherwise.at(t) })
}
