//! Events that carry what is said of their own records: `at` and `filter` over columns beside timelines.
//!
//! The timelines of an instant are known when it is over, and by then its records are gone. So of every record that may be
//! behind such an event the node *notes* what it asks: the record's rank, where it reads records itself the payload, and
//! the columns. The pass that ends the instant matches the notes with the events by rank, and throws them away.
//!
//! **Invariant:** between instants a node has no notes.

use super::apart::ApartPass;
use super::compile::CompiledPlan;
use super::derived::{EventInput, EventPayload, PassEvents};
use super::dictionary::Dictionary;
use super::effect::matches;
use super::expression::Expression;
use super::row::{ABSENT, Row, truth};
use super::{PackedEvent, columns_of};
use crate::Type;
use crate::plan::{EventExpr, NodeId};

/// What a note of a record holds: its rank, then as said here.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordNote {
    /// Whether the payload comes next: the node reads records, and no event that is made in the pass.
    has_payload: bool,
    /// The columns that it asks for, each a word.
    columns: u64,
}

impl RecordNote {
    /// Its words.
    pub(crate) fn words(&self) -> usize {
        1 + usize::from(self.has_payload) + self.columns.count_ones() as usize
    }
}

/// What a pass does for such a node.
#[derive(Clone, Debug)]
pub(crate) struct Mixed {
    note: RecordNote,
    /// A record with one of them may be behind an event.
    pub columns: u64,
    cell: usize,
    event: EventInput,
    /// Whether it keeps payloads, and tells events apart.
    is_filter: bool,
    value: Expression,
    of: Vec<EventPayload>,
}

impl Mixed {
    /// That of a node that asks `asked` of the records behind an event, beside timelines.
    pub(super) fn new(
        compiled: &CompiledPlan,
        id: NodeId,
        (event, is_filter): (NodeId, bool),
        (asked, of): (&EventExpr, &[NodeId]),
        dictionary: &mut Dictionary,
    ) -> Self {
        let plan = &compiled.plan;
        let note = RecordNote { has_payload: plan.node(event).op.is_leaf(), columns: asked.columns() };
        let types: Vec<Type> = of
            .iter()
            .map(|id| plan.node(*id).kind.sampled().expect("the builder takes only what can be sampled"))
            .collect();
        Mixed {
            columns: if note.words() > 1 { plan.record_columns(event) } else { 0 },
            cell: compiled.layout.nodes[id.index()].cell,
            event: compiled.input(event),
            is_filter,
            value: Expression::beside(asked, &types, plan, dictionary),
            of: of.iter().map(|of| compiled.sample(*of)).collect(),
            note,
        }
    }

    /// Makes the node's events of this pass; false if there are none.
    pub(crate) fn run(&self, pass: &mut ApartPass<'_>, row: &mut Row<'_>) -> bool {
        let pass_events = (&mut *pass.pass_events, pass.node);
        let any = step(pass.compiled, pass.dictionary, self, pass.dirty, pass_events, row, pass.pending);
        if any {
            pass.act(row);
        }
        any
    }
}

/// Notes a record; `payload` is that of the event over it.
#[inline(never)]
pub(crate) fn note(compiled: &CompiledPlan, mixed: &Mixed, row: &mut Row<'_>, event: &PackedEvent<'_>, payload: u64) {
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

fn step(
    compiled: &CompiledPlan,
    dictionary: &mut Dictionary,
    mixed: &Mixed,
    dirty: &[bool],
    (pass_events, node): (&mut PassEvents, usize),
    row: &mut Row<'_>,
    pending: u64,
) -> bool {
    let notes = match row.heap.cell_if_any(mixed.cell) {
        Some(cell) if mixed.columns & pending != 0 => std::mem::take(&mut cell.entries),
        _ => vec![],
    };
    let (mut ranks, mut payloads) = pass_events.take(node);
    let size = mixed.note.words();
    let of: Vec<u64> = mixed.of.iter().map(|of| of.word(compiled, row)).collect();
    let mut words = vec![ABSENT; compiled.plan.columns.len()];
    let mut says = |columns: &[u64]| {
        let mut present = 0;
        for (c, word) in columns_of(mixed.note.columns).zip(columns) {
            words[c] = *word;
            present |= if *word == ABSENT { 0 } else { 1 << c };
        }
        let event = PackedEvent { time: row.now(), present, nulls: 0, words: &words };
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
        for (rank, payload) in pass_events.events(usize::from(mixed.event.node)) {
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
    pass_events.put(node, ranks, payloads);
    any
}
