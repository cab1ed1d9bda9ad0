//! One of two where the condition is true, the other elsewhere.

use crate::Time;
use crate::plan::{NodeId, TimelineKind};
use crate::reference::parts::{Inputs, NodeTimeline, PieceValue, Piecewise, StateTimeline, truth};

pub(crate) fn of(condition: NodeId, then: NodeId, otherwise: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let condition = inputs.state(condition);
    match inputs.kind() {
        TimelineKind::Number(unit) => {
            let chosen = choice(condition, inputs.number(then), inputs.number(otherwise));
            NodeTimeline::Number(chosen.map(|x| Some(x?.in_unit(unit))))
        }
        _ => NodeTimeline::State(choice(condition, inputs.state(then), inputs.state(otherwise))),
    }
}

fn choice<T: PieceValue>(condition: &StateTimeline, then: &Piecewise<T>, otherwise: &Piecewise<T>) -> Piecewise<T> {
    let holds = |t: Time| truth(&condition.at(t)) == Some(true);
    let starts = [condition.starts(), then.starts(), otherwise.starts()].concat();
    Piecewise::at_instants(starts, |t| if holds(t) { then.at(t) } else { otherwise.at(t) })
}
