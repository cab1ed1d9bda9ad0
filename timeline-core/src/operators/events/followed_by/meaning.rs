//! The matches of `then` with an earlier match of `first` less than `window` before.

use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence};
use crate::{Time, Value};

pub(crate) fn of(first: NodeId, then: NodeId, window: Time, inputs: &Inputs<'_>) -> NodeTimeline {
    let first = inputs.events(first);
    let follows = |b: &&Occurrence| b.is_match() && first.iter().any(|a| a.is_match() && a.is_followed_by(b, window));
    let says_true = |b: &Occurrence| Occurrence { payload: Some(Value::Bool(true)), ..b.clone() };
    NodeTimeline::Events(inputs.events(then).iter().filter(follows).map(says_true).collect())
}
