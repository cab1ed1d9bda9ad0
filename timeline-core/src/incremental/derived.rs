//! Event timelines that are made of other timelines: what happens at an instant, once its states are known.
//!
//! All events of one node at one instant carry the same payload, for it speaks of the instant; so a node's events are
//! their *ranks* and one payload. Only those of [`super::mixed`] speak of their records, and have a payload each. The rank of an event that keeps a record's place is the number of the record in its
//! session; that of an event of the instant itself is [`AFTER_ALL`]. Ranks ascend.
//!
//! Events live for one pass only. Records that such a node reads are noted in the session's heap until the pass comes.
//!
//! **Invariant:** outside of the session's first pass, a node's events are there exactly where it is dirty.

use super::code::{Pass, StateSlot};
use super::compile::CompiledPlan;
use super::dictionary::Dictionary;
use super::effect::{EffectContext, matches};
use super::number;
use super::row::{ABSENT, Row, truth};
use crate::Value;
use crate::plan::{NodeId, RatioUnit};
use std::borrow::Cow;

/// The rank of what comes after all records of its instant.
pub(crate) const AFTER_ALL: u64 = u64::MAX;

/// Events of records, noted as they came.
#[derive(Clone, Debug)]
pub(crate) struct Gathered {
    pub(crate) columns: u64,
    pub(crate) cell: usize,
}

impl Gathered {
    pub(crate) fn emit(&self, pass: Pass<'_>, _: &mut PassEvents, out: &mut Vec<u64>, row: &mut Row<'_>) {
        if self.columns & pass.pending != 0
            && let Some(cell) = row.heap.cell_if_any(self.cell)
        {
            out.append(&mut cell.entries);
        }
    }
}

/// An event node that is read for its matches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventInput {
    pub node: u16,
    pub predicate: bool,
}

/// What an event carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EventPayload {
    State(StateSlot),
    Number { of: NodeId, as_float: bool },
    Ratio { of: NodeId, unit: RatioUnit },
}

/// The events of the pass, by node.
#[derive(Clone, Debug, Default)]
pub(crate) struct PassEvents {
    ranks: Vec<Vec<u64>>,
    /// One for all events of a node, or one for each.
    payloads: Vec<Vec<u64>>,
}

impl PassEvents {
    pub(crate) fn new(nodes: usize) -> Self {
        PassEvents { ranks: vec![vec![]; nodes], payloads: vec![vec![truth::TRUE]; nodes] }
    }

    /// A node's events with their payloads; those of the last pass in which it was dirty.
    pub(crate) fn events(&self, node: usize) -> impl Iterator<Item = (u64, u64)> {
        let payloads = self.payloads[node].iter().copied();
        // The last one is for all that follow.
        let last = self.payloads[node].last().copied().unwrap_or(truth::TRUE);
        self.ranks[node].iter().copied().zip(payloads.chain(std::iter::repeat(last)))
    }

    /// The memory of a node, emptied.
    pub(crate) fn take(&mut self, node: usize) -> (Vec<u64>, Vec<u64>) {
        let (mut ranks, mut payloads) =
            (std::mem::take(&mut self.ranks[node]), std::mem::take(&mut self.payloads[node]));
        ranks.clear();
        payloads.clear();
        (ranks, payloads)
    }

    /// The events of a node, with a payload each.
    pub(crate) fn put(&mut self, node: usize, ranks: Vec<u64>, payloads: Vec<u64>) {
        self.ranks[node] = ranks;
        self.payloads[node] = payloads;
    }

    /// Whether the node has events in this pass.
    pub(crate) fn any(&self, dirty: &[bool], node: usize) -> bool {
        dirty[node] && !self.ranks[node].is_empty()
    }

    /// The memory of a node's ranks, emptied.
    pub(super) fn take_ranks(&mut self, node: usize) -> Vec<u64> {
        let mut ranks = std::mem::take(&mut self.ranks[node]);
        ranks.clear();
        ranks
    }

    /// The ranks of a node's events.
    pub(super) fn put_ranks(&mut self, node: usize, ranks: Vec<u64>) {
        self.ranks[node] = ranks;
    }

    /// What all events of a node carry.
    pub(crate) fn say(&mut self, node: usize, payload: u64) {
        self.payloads[node] = vec![payload];
    }

    /// The ranks of an input's matches.
    pub(crate) fn matches(&self, pass: Pass<'_>, input: EventInput) -> Cow<'_, [u64]> {
        let node = usize::from(input.node);
        match self.payloads[node][..] {
            _ if !pass.is_dirty(input.node) => Cow::Borrowed(&[]),
            [one] if matches(one, input.predicate) => Cow::Borrowed(&self.ranks[node]),
            [_] => Cow::Borrowed(&[]),
            _ => self.events(node).filter(|(_, said)| matches(*said, input.predicate)).map(|(rank, _)| rank).collect(),
        }
    }
}

/// Lets the node's events of this pass act on those who read them one by one.
pub(crate) fn act(
    compiled: &CompiledPlan,
    dictionary: &Dictionary,
    dirty: &mut [bool],
    (pass_events, node): (&PassEvents, usize),
    row: &mut Row<'_>,
) {
    let setting = EffectContext { layout: &compiled.layout, dictionary, time: row.now() };
    for (reader, effect) in &compiled.reactions[node] {
        for (_, payload) in pass_events.events(node) {
            effect.apply(&setting, row, payload);
        }
        dirty[*reader] = true;
    }
}

impl EventPayload {
    pub(crate) fn word(self, compiled: &CompiledPlan, row: &Row<'_>) -> u64 {
        let value = match self {
            EventPayload::State(state) => return state.get(row.words),
            EventPayload::Number { of, as_float } => number::linear(compiled, row, of).map(|x| x.sample(as_float)),
            EventPayload::Ratio { of, unit } => number::ratio(compiled, row, of).and_then(|(n, d)| n.quotient(d, unit)),
        };
        match value {
            Some(Value::Float(x)) => x.to_bits(),
            Some(Value::Int(x)) => x as u64,
            _ => ABSENT,
        }
    }
}
