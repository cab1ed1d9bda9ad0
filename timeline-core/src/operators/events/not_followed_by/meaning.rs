//! `window` after each match of `first` that no later match of `then` follows before that.

use crate::Time;
use crate::plan::NodeId;
use crate::reference::parts::{Inputs, NodeTimeline, Occurrence};

pub(crate) fn of(first: NodeId, then: NodeId, window: Time, inputs: &Inputs<'_>) -> NodeTimeline {
    let then = inputs.events(then);
    let alone = |a: &&Occurrence| a.is_match() && !then.iter().any(|b| b.is_match() && a.is_followed_by(b, window));
    let due = |a: &Occurrence| a.time.checked_add(window).map(Occurrence::of_instant);
    NodeTimeline::Events(inputs.events(first).iter().filter(alone).filter_map(due).collect())
}
