//! Events that carry what is said of their own records: `at` and `filter` over columns beside timelines.
//!
//! The timelines of an instant are known when it is over, and by then its records are gone. So of every record that may be
//! behind such an event the node *notes* what it asks: the record's rank, where it reads records itself the payload, and
//! the columns. The pass that ends the instant matches the notes with the events by rank, and throws them away.
//!
//! **Invariant:** between instants a node has no notes.

use super::compile::Compiled;
use super::derived::{Happened, Input, Sample};
use super::dictionary::Dictionary;
use super::effect::matches;
use super::expression::Expression;
use super::row::{ABSENT, Row, truth};
use super::{Event, columns_of};
use crate::Type;
use crate::plan::{EventExpr, Kind, NodeId, Op, Plan};

/// What a note of a record holds: its rank, then as said here.
#[derive(Clone, Debug, Default)]
pub(super) struct Note {
    /// Whether the payload comes next: the node reads records, and no event that is made in the pass.
    has_payload: bool,
    /// The columns that it asks for, each a word.
    columns: u64,
}

impl Note {
    /// The note of a node; `None` if it asks no records.
    pub(super) fn of(plan: &Plan, op: &Op) -> Option<Note> {
        let (Op::Each { event, value: asked, .. } | Op::Filter { event, condition: asked, .. }) = op else {
            return None;
        };
        Some(Note { has_payload: matches!(plan.node(*event).op, Op::Event(_)), columns: asked.columns() })
    }

    /// Its words.
    pub(super) fn words(&self) -> usize {
        1 + usize::from(self.has_payload) + self.columns.count_ones() as usize
    }

    /// Those of them that hold texts.
    pub(super) fn texts(&self, plan: &Plan, op: &Op) -> Vec<usize> {
        let (Op::Each { event, .. } | Op::Filter { event, .. }) = op else { return vec![] };
        let payload = self.has_payload && plan.node(*event).kind == Kind::Event(Type::String);
        let before = 1 + usize::from(self.has_payload);
        let columns = columns_of(self.columns).enumerate();
        let texts = columns.filter(|(_, column)| plan.columns[*column].ty == Type::String).map(|(i, _)| before + i);
        payload.then_some(1).into_iter().chain(texts).collect()
    }
}

/// What a pass does for such a node.
#[derive(Clone, Debug)]
pub(super) struct Mixed {
    note: Note,
    /// A record with one of them may be behind an event.
    pub columns: u64,
    cell: usize,
    event: Input,
    /// Whether it keeps payloads, and tells events apart.
    is_filter: bool,
    value: Expression,
    of: Vec<Sample>,
}

impl Compiled {
    /// The code of a node, and the leaf that notes its records.
    pub(super) fn mixed(&mut self, id: NodeId, op: &Op, dictionary: &mut Dictionary) -> Mixed {
        let (is_filter, event, asked, of): (bool, NodeId, &EventExpr, &[NodeId]) = match op {
            Op::Each { event, value, of } => (false, *event, value, of),
            Op::Filter { event, condition, of } => (true, *event, condition, of),
            other => unreachable!("{other:?} asks no records"),
        };
        let plan = std::sync::Arc::clone(&self.plan);
        let note = Note::of(&plan, op).expect("it asks records");
        let types: Vec<Type> = of
            .iter()
            .map(|id| plan.node(*id).kind.sampled().expect("the builder takes only what can be sampled"))
            .collect();
        let mixed = Mixed {
            columns: if note.words() > 1 { plan.record_columns(event) } else { 0 },
            cell: self.layout.nodes[id.index()].cell,
            event: self.input(event),
            is_filter,
            value: Expression::beside(asked, &types, &plan, dictionary),
            of: of.iter().map(|of| self.sample(*of)).collect(),
            note,
        };
        if mixed.columns != 0 {
            self.note(id, event, mixed.columns, dictionary);
        }
        mixed
    }
}

/// Notes a record; `payload` is that of the event over it.
#[inline(never)]
pub(super) fn note(compiled: &Compiled, mixed: &Mixed, row: &mut Row<'_>, event: &Event<'_>, payload: u64) {
    if mixed.note.has_payload && !mixed.is_filter && !matches(payload, mixed.event.predicate) {
        return;
    }
    let rank = compiled.layout.sequence.map_or(0, |at| row.words[at]);
    let notes = &mut row.heap.cell_mut(&compiled.layout, mixed.cell).entries;
    notes.push(rank);
    if mixed.note.has_payload {
        notes.push(payload);
    }
    let known = event.present & !event.nulls;
    notes.extend(columns_of(mixed.note.columns).map(|c| if known >> c & 1 == 1 { event.words[c] } else { ABSENT }));
}

/// Makes the node's events of this pass; false if there are none.
pub(super) fn step(
    compiled: &Compiled,
    dictionary: &mut Dictionary,
    mixed: &Mixed,
    dirty: &[bool],
    (happened, node): (&mut Happened, usize),
    row: &mut Row<'_>,
    pending: u64,
) -> bool {
    let notes = match row.heap.cell_if_any(mixed.cell) {
        Some(cell) if mixed.columns & pending != 0 => std::mem::take(&mut cell.entries),
        _ => vec![],
    };
    let (mut ranks, mut payloads) = happened.take(node);
    let size = mixed.note.words();
    let of: Vec<u64> = mixed.of.iter().map(|of| of.word(compiled, row)).collect();
    let mut words = vec![ABSENT; compiled.plan.columns.len()];
    let mut says = |columns: &[u64]| {
        let mut present = 0;
        for (c, word) in columns_of(mixed.note.columns).zip(columns) {
            words[c] = *word;
            present |= if *word == ABSENT { 0 } else { 1 << c };
        }
        let event = Event { time: row.now(), present, nulls: 0, words: &words };
        mixed.value.eval_beside(&event, &of, dictionary)
    };
    let mut make = |rank: u64, payload: u64, said: u64| {
        if !mixed.is_filter {
            ranks.push(rank);
            payloads.push(said);
        } else if said == truth::TRUE {
            ranks.push(rank);
            payloads.push(payload);
        }
    };
    if mixed.note.has_payload {
        for note in notes.chunks_exact(size) {
            make(note[0], note[1], says(&note[2..]));
        }
    } else if dirty[usize::from(mixed.event.node)] {
        let mut rest = notes.chunks_exact(size).peekable();
        for (rank, payload) in happened.events(usize::from(mixed.event.node)) {
            if !mixed.is_filter && !matches(payload, mixed.event.predicate) {
                continue;
            }
            // Both ascend. What has no record is asked for none of its columns.
            while rest.next_if(|note| note[0] < rank).is_some() {}
            let columns = rest.peek().filter(|note| note[0] == rank).map_or(&[][..], |note| &note[1..]);
            make(rank, payload, says(columns));
        }
    }
    // The memory is good for the next instant.
    if let (Some(cell), true) = (row.heap.cell_if_any(mixed.cell), notes.capacity() > 0) {
        cell.entries = notes;
        cell.entries.clear();
    }
    let any = !ranks.is_empty();
    happened.put(node, ranks, payloads);
    any
}
