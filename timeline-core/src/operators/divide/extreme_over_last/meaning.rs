//! The best of the values of which some stretch reaches into the window: one that ended just where the window begins does not.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise};
use crate::{Time, Value};

pub(crate) fn of(of: NodeId, window: Time, greatest: bool, inputs: &Inputs<'_>) -> NodeTimeline {
    let origin = inputs.origin();
    let starts: Vec<Time> = std::iter::once(origin).chain(inputs.starts(of)).collect();
    let values = Piecewise::at_instants(starts, |t| inputs.sample(of, t));
    let spans = values.spans();
    let ends = spans.iter().filter_map(|span| span.end);
    let instants = values.starts().into_iter().chain(ends.filter_map(|end| end.checked_add(window)));
    let better = |best: Value, next: Value| {
        let order = next.compare(&best);
        if order.is_some_and(|order| if greatest { order.is_gt() } else { order.is_lt() }) { next } else { best }
    };
    NodeTimeline::State(Piecewise::at_instants(instants.collect(), |t| {
        let begins = t.saturating_sub(window);
        let in_force = spans.iter().filter(|span| span.start <= t && span.end.is_none_or(|end| end > begins));
        in_force.filter_map(|span| span.value.clone()).reduce(better)
    }))
}
