//! Event timelines that are made of other timelines: what happens at an instant, once its states are known.
//!
//! All events of one node at one instant carry the same payload, for it speaks of the instant; so a node's events are
//! their *ranks* and one payload. Only those of [`super::mixed`] speak of their records, and have a payload each. The rank of an event that keeps a record's place is the number of the record in its
//! session; that of an event of the instant itself is [`AFTER_ALL`]. Ranks ascend.
//!
//! Events live for one pass only. Records that such a node reads are noted in the session's heap until the pass comes.
//!
//! **Invariant:** outside of the session's first pass, a node's events are there exactly where it is dirty.

use super::code::{Bool, State};
use super::compile::Compiled;
use super::dictionary::Dictionary;
use super::effect::{Setting, matches};
use super::number;
use super::row::{ABSENT, NEVER, NOT_SINCE, Piece, Row, truth};
use crate::plan::{NodeId, RatioUnit};
use crate::{Time, Value};
use std::borrow::Cow;

/// The rank of what comes after all records of its instant.
pub(super) const AFTER_ALL: u64 = u64::MAX;

/// What a pass does for an event node; `at` is the node's first word.
#[derive(Clone, Debug)]
pub(super) enum Derived {
    /// Events of records, noted as they came.
    Gather {
        columns: u64,
        cell: usize,
    },
    /// The word is whether the input held before.
    Turn {
        on: u16,
        of: Bool,
        at: usize,
        falling: bool,
    },
    /// The word is the value before.
    Changes {
        on: u16,
        of: State,
        at: usize,
    },
    Either {
        of: [Input; 2],
    },
    At {
        event: Input,
        of: Sample,
    },
    /// The word is the time of the last first match.
    FollowedBy {
        first: Input,
        then: Input,
        at: usize,
        window: Time,
    },
    /// The word is when the next match is known to be alone; those that wait are in the heap.
    NotFollowedBy {
        first: Input,
        then: Input,
        at: usize,
        cell: usize,
        window: Time,
    },
}

/// An event node that is read for its matches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    pub node: u16,
    pub predicate: bool,
}

/// What an event carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sample {
    State(State),
    Number { of: NodeId, as_float: bool },
    Ratio { of: NodeId, unit: RatioUnit },
}

/// The events of the pass, by node.
#[derive(Clone, Debug, Default)]
pub(super) struct Happened {
    ranks: Vec<Vec<u64>>,
    /// One for all events of a node, or one for each.
    payloads: Vec<Vec<u64>>,
}

impl Happened {
    pub(super) fn new(nodes: usize) -> Self {
        Happened { ranks: vec![vec![]; nodes], payloads: vec![vec![truth::TRUE]; nodes] }
    }

    /// A node's events with their payloads; those of the last pass in which it was dirty.
    pub(super) fn events(&self, node: usize) -> impl Iterator<Item = (u64, u64)> {
        let payloads = self.payloads[node].iter().copied();
        // The last one is for all that follow.
        let last = self.payloads[node].last().copied().unwrap_or(truth::TRUE);
        self.ranks[node].iter().copied().zip(payloads.chain(std::iter::repeat(last)))
    }

    /// The memory of a node, emptied.
    pub(super) fn take(&mut self, node: usize) -> (Vec<u64>, Vec<u64>) {
        let (mut ranks, mut payloads) =
            (std::mem::take(&mut self.ranks[node]), std::mem::take(&mut self.payloads[node]));
        ranks.clear();
        payloads.clear();
        (ranks, payloads)
    }

    /// The events of a node, with a payload each.
    pub(super) fn put(&mut self, node: usize, ranks: Vec<u64>, payloads: Vec<u64>) {
        self.ranks[node] = ranks;
        self.payloads[node] = payloads;
    }

    /// Whether the node has events in this pass.
    pub(super) fn any(&self, dirty: &[bool], node: usize) -> bool {
        dirty[node] && !self.ranks[node].is_empty()
    }

    /// The ranks of an input's matches.
    fn matches(&self, dirty: &[bool], input: Input) -> Cow<'_, [u64]> {
        let node = usize::from(input.node);
        match self.payloads[node][..] {
            _ if !dirty[node] => Cow::Borrowed(&[]),
            [one] if matches(one, input.predicate) => Cow::Borrowed(&self.ranks[node]),
            [_] => Cow::Borrowed(&[]),
            _ => self.events(node).filter(|(_, said)| matches(*said, input.predicate)).map(|(rank, _)| rank).collect(),
        }
    }
}

/// Makes the node's events of this pass; false if there are none.
pub(super) fn step(
    compiled: &Compiled,
    code: &Derived,
    dirty: &[bool],
    (happened, node): (&mut Happened, usize),
    row: &mut Row<'_>,
    pending: u64,
) -> bool {
    let now = row.now();
    let mut out = std::mem::take(&mut happened.ranks[node]);
    out.clear();
    match code {
        Derived::Gather { columns, cell } => {
            if columns & pending != 0
                && let Some(cell) = row.heap.cell_if_any(*cell)
            {
                out.append(&mut cell.entries);
            }
        }
        Derived::Turn { on, of, at, falling } => {
            if dirty[usize::from(*on)] {
                let (held, holds) = (row.words[*at] == truth::TRUE, of.get(row.words) == truth::TRUE);
                row.words[*at] = u64::from(holds);
                if held == *falling && holds != *falling {
                    out.push(AFTER_ALL);
                }
            }
        }
        Derived::Changes { on, of, at } => {
            if dirty[usize::from(*on)] {
                let (was, is) = (row.words[*at], of.get(row.words));
                row.words[*at] = is;
                if was != ABSENT && is != ABSENT && was != is {
                    out.push(AFTER_ALL);
                }
            }
        }
        Derived::Either { of } => {
            of.iter().for_each(|of| out.extend_from_slice(&happened.matches(dirty, *of)));
            out.sort_unstable();
            out.dedup();
        }
        Derived::At { event, of } => {
            out.extend_from_slice(&happened.matches(dirty, *event));
            if !out.is_empty() {
                happened.payloads[node] = vec![of.word(compiled, row)];
            }
        }
        Derived::FollowedBy { first, then, at, window } => {
            let (first, then) = (happened.matches(dirty, *first), happened.matches(dirty, *then));
            let last = row.words[*at] as Time;
            if last != NOT_SINCE && last.saturating_add(*window) > now {
                out.extend_from_slice(&then);
            } else if let Some(earliest) = first.first() {
                out.extend(then.iter().filter(|rank| *rank > earliest));
            }
            if !first.is_empty() {
                row.words[*at] = now as u64;
            }
        }
        Derived::NotFollowedBy { first, then, at, cell, window } => {
            let (first, then) = (happened.matches(dirty, *first), happened.matches(dirty, *then));
            if !first.is_empty() || row.words[*at] as Time != NEVER {
                let waiting = &mut row.heap.cell_mut(&compiled.layout, *cell).pieces;
                while let Some(piece) = waiting.pop_front_if(|piece| piece.start.saturating_add(*window) <= now) {
                    out.extend((0..piece.value).map(|_| AFTER_ALL));
                }
                let alone = match then.last() {
                    Some(latest) => {
                        waiting.clear();
                        first.iter().filter(|rank| *rank >= latest).count()
                    }
                    None => first.len(),
                };
                if alone > 0 && now.checked_add(*window).is_some() {
                    waiting.push_back(Piece { start: now, value: alone as i64, rest: 0, slope: 0, entry: 0 });
                }
                row.words[*at] = waiting.front().map_or(NEVER, |piece| piece.start.saturating_add(*window)) as u64;
            }
        }
    }
    let any = !out.is_empty();
    happened.ranks[node] = out;
    any
}

/// Lets the node's events of this pass act on those who read them one by one.
pub(super) fn act(
    compiled: &Compiled,
    dictionary: &Dictionary,
    dirty: &mut [bool],
    (happened, node): (&Happened, usize),
    row: &mut Row<'_>,
) {
    let setting = Setting { layout: &compiled.layout, dictionary, time: row.now() };
    for (reader, effect) in &compiled.reactions[node] {
        for (_, payload) in happened.events(node) {
            effect.apply(&setting, row, payload);
        }
        dirty[*reader] = true;
    }
}

impl Sample {
    pub(super) fn word(self, compiled: &Compiled, row: &Row<'_>) -> u64 {
        let value = match self {
            Sample::State(state) => return state.get(row.words),
            Sample::Number { of, as_float } => number::linear(compiled, row, of).map(|x| x.sample(as_float)),
            Sample::Ratio { of, unit } => number::ratio(compiled, row, of).and_then(|(n, d)| n.quotient(d, unit)),
        };
        match value {
            Some(Value::Float(x)) => x.to_bits(),
            Some(Value::Int(x)) => x as u64,
            _ => ABSENT,
        }
    }
}
