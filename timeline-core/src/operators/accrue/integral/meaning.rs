//! The value times the time for which it was in force; `over` says when it counts.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, since, truth};
use crate::{Linear, Value};

pub(crate) fn of(of: NodeId, over: Option<NodeId>, inputs: &Inputs<'_>) -> NodeTimeline {
    let x = inputs.number(of);
    let always = Piecewise::constant(x.origin(), Some(Value::Bool(true)));
    let in_force = x.with(over.map_or(&always, |over| inputs.state(over)), |x, over| {
        let counts = truth(&over) == Some(true);
        let value = x.filter(|_| counts).map_or(0.0, |x| x.as_floats().0 + 0.0);
        Linear::float(if value.is_finite() { value } else { 0.0 })
    });
    let spans = in_force.spans();
    NodeTimeline::Number(Piecewise::at_instants(in_force.starts(), |t| {
        let begun = spans.iter().filter(|span| span.start < t);
        let come_to = begun.fold(Linear::float(0.0), |sum, span| {
            let end = span.end.map_or(t, |end| end.min(t));
            sum.add(Linear::float(span.value.as_floats().0 * since(span.start, end) as f64))
        });
        // What is in force from here on has come to nothing yet.
        Some(match come_to {
            Linear::Float { value, rest, .. } => Linear::Float { value, rest, slope: in_force.at(t).as_floats().0 },
            exact => exact,
        })
    }))
}
