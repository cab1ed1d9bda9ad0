//! The longest true stretch so far, the one that goes on included.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, since, true_stretches};
use crate::{Linear, Time};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let state = inputs.state(of);
    let stretches = true_stretches(state);
    // The longest of the stretches that are over at `t`, and what the one that goes on has come to.
    let over = |t: Time| stretches.iter().filter_map(|(s, e)| e.filter(|e| *e <= t).map(|e| since(*s, e))).max();
    let running = |t: Time| stretches.iter().find(|(s, e)| *s <= t && e.is_none_or(|e| t < e)).map(|(s, _)| *s);
    let overtakes = stretches.iter().filter_map(|(s, _)| s.checked_add(Time::try_from(over(*s).unwrap_or(0)).ok()?));
    NodeTimeline::Number(Piecewise::at_instants(state.starts().into_iter().chain(overtakes).collect(), |t| {
        let (best, present) = (over(t).unwrap_or(0), running(t).map(|s| since(s, t)));
        Some(match present {
            Some(present) if present >= best => Linear::Exact { value: present, slope: 1 },
            _ => Linear::exact(best),
        })
    }))
}
