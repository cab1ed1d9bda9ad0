//! What changed a timeline at an instant: an event, a timer that an event had set, or the clock.
//!
//! What sets a timer is a matter of the operator ([`Op::timer`]), and is asked of it; nothing is guessed here.
//!
//! **Invariant:** an event is named only where it spoke of something that the operator reads, so no timer is put down to
//! whatever happened to come last.

use super::{RecordedSpan, StoryEvent};
use crate::log_position::place_text;
use serde_json::{Value as Json, json};
use timeline_core::plan::{CountedEvents, NodeId, Op, Plan, Timer};
use timeline_core::{Time, Value, reference};

/// What was recorded of one session.
pub(super) struct Recorded<'a> {
    pub(super) spans: &'a [RecordedSpan],
    /// The session, the node and the instant of each event that an operator made.
    pub(super) happened: &'a [(Time, NodeId, Time)],
    /// Where the session began.
    pub(super) session: Time,
}

impl Recorded<'_> {
    /// The spans of a node.
    pub(super) fn spans_of(&self, node: NodeId) -> impl Iterator<Item = &RecordedSpan> {
        self.spans.iter().filter(move |span| span.session == self.session && span.root == node.index())
    }

    /// When a node changed: its spans began, or it happened.
    fn changes(&self, node: NodeId) -> impl Iterator<Item = Time> {
        let own = move |(session, of, _): &&(Time, NodeId, Time)| (*session, *of) == (self.session, node);
        let happened = self.happened.iter().filter(own).map(|(_, _, at)| *at);
        self.spans_of(node).map(|span| span.start).chain(happened)
    }
}

/// Finds out what changed a timeline.
pub(super) struct Causes<'a> {
    pub(super) plan: &'a Plan,
    pub(super) told: &'a Recorded<'a>,
    pub(super) events: &'a [&'a StoryEvent],
}

impl Causes<'_> {
    /// What changed a node at an instant: `time_ns`, `position` and `record` of an event, and the `timer` that it had set
    /// if the change came by one. The clock has no event.
    pub(super) fn of(&self, node: NodeId, at: Time) -> Option<Json> {
        let mut origin = self.origin(node, at);
        let mut at = at;
        let mut timer = None;
        // What set a timer may have come by another one; each was set before it fired.
        loop {
            let by_timer = at > self.told.session && !self.is_event(origin, at);
            let set_at = match self.plan.node(origin).op.timer() {
                Timer::After(length) if by_timer => at.checked_sub(length),
                Timer::Only(length) => at.checked_sub(length),
                Timer::Crossing(..) | Timer::Overtaking(_) | Timer::Zero(_) if by_timer => self.last_change(origin, at),
                Timer::Clock | Timer::Rows if at > self.told.session => None,
                Timer::Never
                | Timer::After(_)
                | Timer::Crossing(..)
                | Timer::Overtaking(_)
                | Timer::Zero(_)
                | Timer::Clock
                | Timer::Rows
                | Timer::OfInput(_) => {
                    return Some(self.event(self.event_at(origin, at)?, timer));
                }
            };
            let text = timer.take().unwrap_or_else(|| timeline_dsl::explain::shown_text(self.plan, origin));
            let Some(before) = set_at.filter(|set| *set < at && *set >= self.told.session) else {
                return Some(json!({"time_ns": at, "position": null, "record": null, "timer": text}));
            };
            let setter = self.setter(origin, before);
            if setter == origin {
                return Some(self.event(self.event_at(origin, before)?, Some(text)));
            }
            (origin, at, timer) = (setter, before, Some(text));
        }
    }

    fn event(&self, event: &StoryEvent, timer: Option<String>) -> Json {
        let position = place_text(self.plan, event.position);
        json!({"time_ns": event.time, "position": position, "record": event.text, "timer": timer})
    }

    /// The operator by which a node changed at an instant: itself, if no input did that is made of others.
    fn origin(&self, node: NodeId, at: Time) -> NodeId {
        let changed = |id: &NodeId| self.told.changes(*id).any(|start| start == at);
        let mut origin = node;
        while let Some(input) = self.plan.node(origin).op.inputs().into_iter().find(changed) {
            // What happens by its timer alone has no other cause.
            if let Timer::Only(_) = self.plan.node(origin).op.timer() {
                break;
            }
            origin = input;
        }
        origin
    }

    /// By what the timer of an operator was set at an instant: by a match of its own, or by an input that changed.
    fn setter(&self, of: NodeId, at: Time) -> NodeId {
        let changed = |id: &NodeId| self.told.changes(*id).any(|start| start == at);
        let by = self.plan.node(of).op.inputs().into_iter().find(changed);
        by.map_or(of, |input| self.origin(input, at))
    }

    /// Whether an event acted on an operator at an instant, as records do on those who read them.
    fn is_event(&self, node: NodeId, at: Time) -> bool {
        let op = &self.plan.node(node).op;
        let counts = |payload: &Option<Value>| match op.describe().takes {
            CountedEvents::Nothing => false,
            CountedEvents::Matches => reference::matches(payload),
            CountedEvents::Payloads => payload.is_some(),
            CountedEvents::All => true,
        };
        let here = || self.events.iter().filter(|event| event.time == at);
        let acts = |id: NodeId| match &self.plan.node(id).op {
            Op::Event(e) => here().any(|event| {
                let said = reference::occurrences(e, std::slice::from_ref(&event.record));
                said.iter().any(|said| counts(&said.payload))
            }),
            _ => false,
        };
        acts(node) || op.inputs().into_iter().any(acts)
    }

    /// When an input of an operator last took another course.
    fn last_change(&self, node: NodeId, at: Time) -> Option<Time> {
        let inputs = self.plan.node(node).op.inputs();
        inputs.into_iter().flat_map(|id| self.told.changes(id)).filter(|start| *start < at).max()
    }

    /// The last event of an instant that speaks of something that the operator reads; the session's first one may not.
    fn event_at(&self, node: NodeId, at: Time) -> Option<&StoryEvent> {
        let columns = self.columns(node);
        let speaks = |event: &&&StoryEvent| {
            let fields = event.record.fields.iter().enumerate();
            fields.filter(|(i, _)| columns >> i & 1 == 1).any(|(_, field)| *field != timeline_core::Field::Missing)
        };
        let here = || self.events.iter().rev().filter(|event| event.time == at);
        here().find(speaks).or_else(|| here().next()).copied()
    }

    /// The columns that a node reads, through others.
    fn columns(&self, node: NodeId) -> u64 {
        let (mut read, mut columns) = (vec![false; self.plan.nodes.len()], 0);
        read[node.index()] = true;
        // Inputs stand before those who read them.
        for (id, node) in self.plan.nodes.iter().enumerate().rev().filter(|(id, _)| *id <= node.index()) {
            if read[id] {
                node.op.inputs().iter().for_each(|input| read[input.index()] = true);
                columns |= if let Op::Event(e) = &node.op { e.columns() } else { 0 };
            }
        }
        columns
    }
}
