//! The sum of the payloads, floats one after another.

use crate::number::add_finite;
use crate::plan::{NodeId, TimelineKind, Unit};
use crate::reference::parts::{Inputs, NodeTimeline, Piecewise, instants};
use crate::{Linear, Time, Value};

pub(crate) fn of(of: NodeId, inputs: &Inputs<'_>) -> NodeTimeline {
    let events = inputs.events(of);
    let times: Vec<Time> = events.iter().map(|e| e.time).collect();
    NodeTimeline::Number(Piecewise::at_instants(instants(inputs.origin(), &times), |t| {
        let past = events.iter().filter(|e| e.time <= t).filter_map(|e| e.payload.as_ref());
        Some(match inputs.kind() {
            TimelineKind::Number(Unit::Float) => {
                let floats = past.filter_map(|x| if let Value::Float(x) = x { Some(*x) } else { None });
                let (value, rest) = floats.fold((0.0, 0.0), add_finite);
                Linear::Float { value, rest, slope: 0.0 }
            }
            _ => {
                let whole = past.filter_map(|x| if let Value::Int(x) = x { Some(*x) } else { None });
                Linear::exact(i128::from(whole.fold(0, i64::saturating_add)))
            }
        })
    }))
}
