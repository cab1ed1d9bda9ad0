//! `x` less what it was just before the state's last change.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, cumulative, zero};

pub(crate) fn of(of: NodeId, by: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let unit = inputs.unit(of);
    let (x, by) = (cumulative(inputs.number(of), unit), inputs.state(by));
    let changes = by.starts();
    let scoped = Piecewise::at_instants(x.starts().into_iter().chain(by.starts()).collect(), |t| {
        let change = changes.iter().rev().find(|change| **change <= t);
        let before = change.and_then(|change| x.before(*change)).unwrap_or(zero(unit));
        x.at(t).sub(before.level())
    });
    NodeTimeline::Number(scoped.map(Some))
}
