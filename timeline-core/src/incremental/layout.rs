//! Where each node keeps its state in a session's row.
//!
//! A row is a fixed number of 64-bit words: a header, the truth values of all boolean nodes at two bits each,
//! and the words of the nodes. What has no fixed size (the pieces of a window, the third and further dimensions
//! of a split) is in the session's [`super::row::Heap`], which stays empty where it is not needed.

use super::code::Deadline;
use super::every;
use super::number::number_words;
use super::row::{ABSENT, NEVER, NOT_SINCE};
use crate::Type;
use crate::plan::{DeadlineSlot, KeptWord, NodeId, Op, Plan, TimelineKind};

/// Words of the header: origin, instant, pending columns, deadline.
pub(crate) const HEADER_WORDS: usize = 4;
/// How many dimension values of a split are kept in the row itself.
pub(crate) const INLINE_ENTRIES: usize = 2;
/// Truth values in a word.
const BOOLS_PER_WORD: usize = 32;

/// The places of a plan's nodes in a row.
#[derive(Clone, Debug)]
pub struct RowLayout {
    /// Words in a row.
    pub(crate) words: usize,
    /// Cells in a heap.
    pub(crate) cells: usize,
    pub(crate) nodes: Vec<NodeWords>,
    /// For each node whether it is an event of records whose places in their instant are asked for.
    pub(crate) is_gathered: Vec<bool>,
    /// The word that counts the records that spoke of some column, where such places are asked for.
    pub(crate) sequence: Option<usize>,
    /// For each alert the word with the start of its open span; behind it what is shown beside it, as it was there.
    pub(crate) alerts: Vec<usize>,
    /// The word of the last event's time, where the row may be further: windows end by the clock, and silence is billed.
    pub(crate) last: Option<usize>,
    /// The instant at which the row changed last, and behind it what the states were before it by which windows are grouped.
    pub(crate) left: Option<usize>,
    /// The words that hold the number of a text.
    pub(crate) texts: Vec<usize>,
    /// For each cell the number of words in an entry and which of them hold texts.
    pub(crate) cell_texts: Vec<(usize, Vec<usize>)>,
    /// For each cell whether its pieces are of floats.
    pub(crate) cell_floats: Vec<bool>,
    /// Words of a new session that are not 0.
    pub(crate) initial: Vec<(usize, u64)>,
    /// For each node where the instant stands at which it next changes by itself.
    pub(crate) deadlines: Vec<Deadline>,
    /// The words that count what was forgotten beyond a cap; splits count it beside their entries.
    pub(crate) forgotten: Vec<usize>,
    /// The columns of records that are kept beside their ranks until their instant is over.
    pub(crate) noted: u64,
}

/// Where one node keeps what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeWords {
    /// First word.
    pub at: usize,
    /// Number of words.
    pub words: usize,
    /// Word of its truth value, for boolean states.
    pub bool_word: usize,
    /// Shift of its truth value in that word.
    pub bool_shift: u32,
    /// Its heap cell, if it has one.
    pub cell: usize,
}

/// A word as it stands in a row or in an entry.
#[derive(Clone, Copy, Debug, Default)]
struct WordSlot {
    /// What a new session has there.
    initial: u64,
    /// Whether it holds the number of a text.
    is_text: bool,
    /// Whether it counts what was forgotten.
    is_forgotten: bool,
}

impl RowLayout {
    /// The layout of a plan; the same plan always has the same one.
    pub fn new(plan: &Plan) -> Self {
        let bools = plan.nodes.iter().filter(|n| n.kind == TimelineKind::State(Type::Bool)).count();
        // The first two bits are the row's own: whether its end event has come, and whether it is partial.
        let bool_words = (bools + 1).div_ceil(BOOLS_PER_WORD);
        let mut layout = RowLayout {
            words: HEADER_WORDS + bool_words,
            cells: 0,
            nodes: Vec::with_capacity(plan.nodes.len()),
            is_gathered: gathered(plan),
            sequence: None,
            alerts: vec![],
            last: None,
            left: None,
            texts: vec![],
            cell_texts: vec![],
            cell_floats: vec![],
            initial: vec![],
            deadlines: Vec::with_capacity(plan.nodes.len()),
            forgotten: vec![],
            noted: 0,
        };
        let charged = charged(plan);
        let (mut next_bool, mut has_ranks) = (1, false);
        for (id, node) in plan.iter() {
            let mut place = NodeWords { at: layout.words, ..NodeWords::default() };
            if node.kind == TimelineKind::State(Type::Bool) {
                place.bool_word = HEADER_WORDS + next_bool / BOOLS_PER_WORD;
                place.bool_shift = (next_bool % BOOLS_PER_WORD * 2) as u32;
                next_bool += 1;
            }
            let description = node.op.describe();
            let entry = match description.entry {
                None if layout.is_gathered[id.index()] => Some(vec![KeptWord::Rank]),
                entry => entry,
            };
            has_ranks |= entry.iter().flatten().any(|word| *word == KeptWord::Rank);
            layout.noted |= entry.iter().flatten().fold(0, |set, word| match word {
                KeptWord::Column(column) => set | column.bit(),
                _ => set,
            });
            let context =
                LayoutContext { plan, id, is_charged: charged[id.index()], entry: entry.as_deref().unwrap_or(&[]) };
            if entry.is_some() {
                let slots = context.slots(context.entry);
                place.cell = layout.cells;
                layout.cells += 1;
                layout.cell_texts.push((slots.len(), (0..slots.len()).filter(|i| slots[*i].is_text).collect()));
                layout.cell_floats.push(number_words(plan, id) > 1);
            }
            let slots = context.slots(&description.words);
            for (at, slot) in (place.at..).zip(&slots) {
                if slot.initial != 0 {
                    layout.initial.push((at, slot.initial));
                }
                if slot.is_text {
                    layout.texts.push(at);
                }
                if slot.is_forgotten {
                    layout.forgotten.push(at);
                }
            }
            // A word that is not there for this input is no deadline.
            let word = |n: usize| place.at + context.slots(&description.words[..n]).len();
            layout.deadlines.push(match description.due {
                DeadlineSlot::Never => Deadline::Never,
                DeadlineSlot::Word(n) if context.slots(&description.words[n..=n]).is_empty() => Deadline::Never,
                DeadlineSlot::Word(n) => Deadline::Word(word(n)),
                DeadlineSlot::After(n, length) => Deadline::After(word(n), length),
                DeadlineSlot::Overtaking => Deadline::Overtaking(place.at),
            });
            place.words = slots.len();
            layout.words += place.words;
            layout.nodes.push(place);
        }
        if has_ranks {
            layout.sequence = Some(layout.words);
            layout.words += 1;
        }
        for alert in &plan.alerts {
            layout.alerts.push(layout.words);
            layout.words += 1;
            layout.place_states(plan, alert.with.iter().map(|beside| beside.of));
        }
        layout.place_windows(plan);
        layout
    }

    /// Words that only metrics by windows of the clock need.
    fn place_windows(&mut self, plan: &Plan) {
        if plan.windows_end_by_clock() && plan.end.silence.is_some() {
            self.last = Some(self.words);
            self.words += 1;
        }
        let states = every::grouped_by(plan);
        if !states.is_empty() {
            self.left = Some(self.words);
            self.words += 1;
            self.place_states(plan, states.into_iter());
        }
    }

    /// A word for what each of some states was.
    fn place_states(&mut self, plan: &Plan, states: impl Iterator<Item = NodeId>) {
        for id in states {
            if plan.node(id).kind == TimelineKind::State(Type::String) {
                self.initial.push((self.words, ABSENT));
                self.texts.push(self.words);
            }
            self.words += 1;
        }
    }

    /// The word that holds the time of the last event, where a row may be further than that.
    pub fn last_event(&self) -> Option<usize> {
        self.last
    }

    /// Bytes of a session's row and of its (empty) heap; its key and its place in the index come on top.
    pub fn session_bytes(&self) -> usize {
        self.words * 8 + size_of::<super::row::Heap>()
    }

    /// Bytes that one node takes in a row; truth values take two bits each, which are not counted here.
    pub fn node_bytes(&self, id: NodeId) -> usize {
        self.nodes[id.index()].words * 8
    }
}

/// What decides how many words there really are.
#[derive(Clone, Copy)]
struct LayoutContext<'a> {
    plan: &'a Plan,
    id: NodeId,
    /// Whether somebody asks for what the node was before the events of an instant.
    is_charged: bool,
    entry: &'a [KeptWord],
}

impl LayoutContext<'_> {
    fn slots(&self, words: &[KeptWord]) -> Vec<WordSlot> {
        words.iter().flat_map(|word| self.word(*word)).collect()
    }

    fn word(&self, word: KeptWord) -> Vec<WordSlot> {
        let plan = self.plan;
        let is = |initial: u64| WordSlot { initial, ..WordSlot::default() };
        let value = |ty: Type| WordSlot { initial: ABSENT, is_text: ty == Type::String, ..WordSlot::default() };
        let zeros = |n: usize| vec![WordSlot::default(); n];
        let type_of = |id: NodeId| match plan.node(id).kind {
            TimelineKind::Event(ty) | TimelineKind::State(ty) => ty,
            other => unreachable!("{other} has no value, as the builder checked"),
        };
        match word {
            KeptWord::Zero | KeptWord::Rank => zeros(1),
            KeptWord::Since => vec![is(NOT_SINCE as u64)],
            KeptWord::Due => vec![is(NEVER as u64)],
            KeptWord::DueOfRatio(of) => match plan.node(of).kind {
                TimelineKind::Ratio(_) => vec![is(NEVER as u64)],
                TimelineKind::Event(_) | TimelineKind::State(_) | TimelineKind::Number(_) => vec![],
            },
            KeptWord::Value(of) => vec![value(type_of(of))],
            KeptWord::Own => match plan.node(self.id).kind {
                TimelineKind::State(Type::Bool)
                | TimelineKind::Event(_)
                | TimelineKind::Number(_)
                | TimelineKind::Ratio(_) => vec![],
                TimelineKind::State(ty) => vec![value(ty)],
            },
            KeptWord::Counted => {
                let words = number_words(plan, self.id);
                match self.is_charged {
                    true => [zeros(words), vec![is(NOT_SINCE as u64)], zeros(words)].concat(),
                    false => zeros(words),
                }
            }
            KeptWord::Rest(of) => zeros(number_words(plan, of) - 1),
            KeptWord::Forgotten => vec![WordSlot { is_forgotten: true, ..WordSlot::default() }],
            KeptWord::Given(word) => vec![is(word)],
            KeptWord::InForce => vec![is(super::split::NO_ENTRY)],
            KeptWord::Entries => {
                // Only what may be taken for the number of a text matters before an entry is there.
                let free = |slot: WordSlot| WordSlot { initial: if slot.is_text { ABSENT } else { 0 }, ..slot };
                let entry: Vec<WordSlot> = self.slots(self.entry).into_iter().map(free).collect();
                entry.repeat(INLINE_ENTRIES)
            }
            // Of a condition: for how long it was true in turns that were forgotten, and how many these were.
            KeptWord::Share(of) if plan.counted_at_once(of).is_some() => zeros(2),
            KeptWord::Share(of) => {
                zeros(sides(plan, of).into_iter().flatten().map(|side| number_words(plan, side)).sum())
            }
            KeptWord::Payload(event) => match plan.node(event).op.is_leaf() {
                true => vec![value(type_of(event))],
                false => vec![],
            },
            KeptWord::Column(column) => vec![value(plan.columns[column.index()].ty)],
        }
    }
}

/// For each node whether it is an event of records that is read by workers which ask what came before what.
fn gathered(plan: &Plan) -> Vec<bool> {
    let mut asked = vec![false; plan.nodes.len()];
    for (_, node) in plan.iter().filter(|(_, node)| node.op.describe().asks_order) {
        node.op.inputs().iter().for_each(|input| asked[input.index()] = true);
    }
    plan.iter().map(|(id, node)| asked[id.index()] && matches!(node.op, Op::Event(_))).collect()
}

/// For each node whether somebody asks for what it was before the events of an instant: it is charged or restarted.
fn charged(plan: &Plan) -> Vec<bool> {
    let mut charged = vec![false; plan.nodes.len()];
    // Readers stand behind what they read.
    for (id, node) in plan.nodes.iter().enumerate().rev() {
        match node.op.describe().charges {
            Some(of) => charged[of.index()] = true,
            None if charged[id] => node.op.inputs().iter().for_each(|input| charged[input.index()] = true),
            None => {}
        }
    }
    charged
}

/// The numbers that a split charges: one, or the two sides of a ratio.
pub(crate) fn sides(plan: &Plan, of: NodeId) -> [Option<NodeId>; 2] {
    match plan.node(of).op {
        Op::Ratio { numerator, denominator } => [Some(numerator), Some(denominator)],
        _ => [Some(of), None],
    }
}
