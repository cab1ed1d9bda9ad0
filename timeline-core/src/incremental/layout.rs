//! Where each node keeps its state in a session's row.
//!
//! A row is a fixed number of 64-bit words: a header, the truth values of all boolean nodes at two bits each,
//! and the words of the nodes. What has no fixed size (the pieces of a window, the third and further dimensions
//! of a split) is in the session's [`super::row::Heap`], which stays empty where it is not needed.

use super::every;
use super::mixed::Note;
use crate::Type;
use crate::plan::{Kind, NodeId, Op, Plan};

/// Words of the header: origin, instant, pending columns, deadline.
pub(super) const HEADER_WORDS: usize = 4;
/// How many dimension values of a split are kept in the row itself.
pub(super) const INLINE_ENTRIES: usize = 2;
/// Truth values in a word.
const BOOLS_PER_WORD: usize = 32;

/// The places of a plan's nodes in a row.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Words in a row.
    pub(super) words: usize,
    /// Cells in a heap.
    pub(super) cells: usize,
    pub(super) nodes: Vec<Place>,
    /// For each node whether it is an event of records whose places in their instant are asked for.
    pub(super) is_gathered: Vec<bool>,
    /// The word that counts the records that spoke of some column, where such places are asked for.
    pub(super) sequence: Option<usize>,
    /// For each alert the word with the start of its open span.
    pub(super) alerts: Vec<usize>,
    /// The word of the last event's time, where the row may be further: windows end by the clock, and silence is billed.
    pub(super) last: Option<usize>,
    /// The instant at which the row changed last, and behind it what the states were before it by which windows are grouped.
    pub(super) left: Option<usize>,
    /// For each word whether it holds the number of a text.
    pub(super) texts: Vec<usize>,
    /// For each cell the number of words in an entry and which of them hold texts.
    pub(super) cell_texts: Vec<(usize, Vec<usize>)>,
    /// For each cell whether its pieces are of floats.
    pub(super) cell_floats: Vec<bool>,
}

/// Where one node keeps what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
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

impl Layout {
    /// The layout of a plan; the same plan always has the same one.
    pub fn new(plan: &Plan) -> Self {
        let bools = plan.nodes.iter().filter(|n| n.kind == Kind::State(Type::Bool)).count();
        // The first two bits are the row's own: whether its end event has come, and whether it is partial.
        let bool_words = (bools + 1).div_ceil(BOOLS_PER_WORD);
        let mut layout = Layout {
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
        };
        let charged = charged(plan);
        let mut next_bool = 1;
        for (id, node) in plan.iter() {
            let mut place =
                Place { at: layout.words, words: words_of(plan, id, charged[id.index()]), ..Place::default() };
            if node.kind == Kind::State(Type::Bool) {
                place.bool_word = HEADER_WORDS + next_bool / BOOLS_PER_WORD;
                place.bool_shift = (next_bool % BOOLS_PER_WORD * 2) as u32;
                next_bool += 1;
            }
            if layout.is_gathered[id.index()] || has_cell(&node.op) {
                place.cell = layout.cells;
                layout.cells += 1;
                layout.cell_texts.push(entry_texts(plan, &node.op));
                layout.cell_floats.push(number_words(plan, id) > 1);
            }
            layout.note_texts(plan, id, place.at);
            layout.words += place.words;
            layout.nodes.push(place);
        }
        let asks_records = plan.iter().any(|(_, node)| matches!(node.op, Op::Each { .. } | Op::Filter { .. }));
        if asks_records || layout.is_gathered.contains(&true) {
            layout.sequence = Some(layout.words);
            layout.words += 1;
        }
        for _ in &plan.alerts {
            layout.alerts.push(layout.words);
            layout.words += 1;
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
            let is_text = |id: &NodeId| plan.node(*id).kind == Kind::State(Type::String);
            let texts = states.iter().enumerate().filter(|(_, id)| is_text(id));
            self.texts.extend(texts.map(|(i, _)| self.words + 1 + i));
            self.words += 1 + states.len();
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

    /// The words that count what was forgotten beyond a cap; splits count it beside their entries.
    pub(super) fn forgotten(&self, plan: &Plan) -> impl Iterator<Item = usize> {
        let capped = plan.iter().filter(|(_, node)| matches!(node.op, Op::IsNew { .. } | Op::Concurrency { .. }));
        capped.map(|(id, _)| self.nodes[id.index()].at)
    }

    /// Bytes that one node takes in a row; truth values take two bits each, which are not counted here.
    pub fn node_bytes(&self, id: NodeId) -> usize {
        self.nodes[id.index()].words * 8
    }

    fn note_texts(&mut self, plan: &Plan, id: NodeId, at: usize) {
        let op = &plan.node(id).op;
        let is_text = |id: NodeId| plan.node(id).kind == Kind::State(Type::String);
        match op {
            Op::Latest { of, .. } | Op::First { of } if plan.node(*of).kind == Kind::Event(Type::String) => {
                self.texts.push(at);
            }
            Op::Previous { of, n } if plan.node(*of).kind == Kind::Event(Type::String) => {
                self.texts.extend(at..=at + usize::from(*n));
            }
            Op::DurationInCurState { of } | Op::DurationOfPreviousState { of } | Op::Scope { by: of, .. }
                if is_text(*of) =>
            {
                self.texts.push(at + 1);
            }
            Op::Changes { of } | Op::If { then: of, .. } | Op::Coalesce(of, _) if is_text(*of) => self.texts.push(at),
            Op::Apply { .. } if is_text(id) => self.texts.push(at),
            Op::Split { .. } => {
                let (entry_words, texts) = entry_texts(plan, op);
                for entry in 0..INLINE_ENTRIES {
                    self.texts.extend(texts.iter().map(|text| at + 2 + entry * entry_words + text));
                }
            }
            _ => {}
        }
    }
}

/// Words in an entry of a split, and which of them hold texts: the dimensions, then what has been charged. Of values that
/// are remembered: the value, and when it was first seen.
fn entry_texts(plan: &Plan, op: &Op) -> (usize, Vec<usize>) {
    if let Op::IsNew { of, .. } = op {
        let is_text = plan.node(*of).kind == Kind::Event(Type::String);
        return (2, if is_text { vec![0] } else { vec![] });
    }
    if let Some(note) = Note::of(plan, op) {
        return (note.words(), note.texts(plan, op));
    }
    let Op::Split { of, by, .. } = op else { return (1, vec![]) };
    let sums: usize = match plan.counted_at_once(*of) {
        // For how long the condition was true in turns that were forgotten, and how many these were.
        Some(_) => 2,
        None => sides(plan, *of).into_iter().flatten().map(|side| number_words(plan, side)).sum(),
    };
    let texts = (0..by.len()).filter(|i| plan.node(by[*i]).kind == Kind::State(Type::String)).collect();
    (by.len() + sums, texts)
}

fn words_of(plan: &Plan, id: NodeId, is_charged: bool) -> usize {
    let op = &plan.node(id).op;
    match op {
        Op::Latest { ttl, .. } => 1 + usize::from(ttl.is_some()),
        // The instant at which it turns false; the start of the true span; accumulated and running since.
        Op::HasExistedWithin { .. } | Op::HeldFor { .. } => 1,
        // Accumulated, and running since; entered at, and the value.
        Op::DurationWhere { .. } | Op::DurationInCurState { .. } => 2,
        // The longest that is over, and running since.
        Op::Longest { .. } => 2,
        // Entered at, the value, and the length of the one before.
        Op::DurationOfPreviousState { .. } => 3,
        // Come together in two words, since when, and the value.
        Op::Integral { .. } => 4,
        // The window's beginning and its end.
        Op::Every { .. } => 2,
        // What the number was before the scope, the value of the state, and what a float lacks.
        Op::Scope { of, .. } => 1 + number_words(plan, *of),
        // When a denominator next crosses zero.
        Op::Exists(of) => usize::from(matches!(plan.node(*of).kind, Kind::Ratio(_))),
        Op::If { .. } | Op::Coalesce(..) | Op::Apply { .. } => match plan.node(id).kind {
            Kind::Number(_) | Kind::State(Type::Bool) => 0,
            _ => 1,
        },
        // The next crossing.
        Op::CompareNumbers { .. } | Op::OverLast { .. } => 1,
        // The entry in force, the next change, and the first entries.
        Op::Split { .. } => 2 + INLINE_ENTRIES * entry_texts(plan, op).0,
        // Whether it held, or the value that was; the last first match; when the oldest is alone.
        Op::Rise { .. } | Op::Fall { .. } | Op::Changes { .. } | Op::FollowedBy { .. } | Op::NotFollowedBy { .. } => 1,
        // What was gathered so far.
        Op::First { .. } | Op::Min { .. } | Op::Max { .. } => 1,
        // Where that is asked for, also when the last event came, and what it was before the events of that instant.
        Op::Count { .. } | Op::Sum { .. } => {
            let words = number_words(plan, id);
            if is_charged { 2 * words + 1 } else { words }
        }
        // How many values were forgotten; how many spans, and for how long they were true together.
        Op::IsNew { .. } => 1,
        Op::Concurrency { .. } => 2,
        // The last match.
        Op::TimeSince { .. } => 1,
        // The count, and when it next falls.
        Op::CountWithin { .. } => 2,
        // The payload that is shown, and those after it.
        Op::Previous { n, .. } => 1 + usize::from(*n),
        Op::User { operator, .. } => super::user::words(operator),
        Op::Event(_)
        | Op::Either(..)
        | Op::At { .. }
        | Op::Each { .. }
        | Op::Filter { .. }
        | Op::Constant(_)
        | Op::HasExisted { .. }
        | Op::CompareStates { .. }
        | Op::Not(_)
        | Op::And(..)
        | Op::Or(..)
        | Op::NumberOf(_)
        | Op::DurationOf(_)
        | Op::ConstantNumber { .. }
        | Op::Add(..)
        | Op::Sub(..)
        | Op::Mul(..)
        | Op::Scale { .. }
        | Op::Ratio { .. } => 0,
    }
}

/// Whether the node keeps something that has no fixed size.
fn has_cell(op: &Op) -> bool {
    matches!(
        op,
        Op::OverLast { .. }
            | Op::Split { .. }
            | Op::CountWithin { .. }
            | Op::NotFollowedBy { .. }
            | Op::Concurrency { .. }
            | Op::IsNew { .. }
            | Op::Each { .. }
            | Op::Filter { .. }
    )
}

/// For each node whether it is an event of records that is read by workers which ask what came before what.
fn gathered(plan: &Plan) -> Vec<bool> {
    let mut asked = vec![false; plan.nodes.len()];
    for (_, node) in plan.iter() {
        match node.op {
            Op::At { event, .. } => asked[event.index()] = true,
            Op::Either(first, then) | Op::FollowedBy { first, then, .. } | Op::NotFollowedBy { first, then, .. } => {
                asked[first.index()] = true;
                asked[then.index()] = true;
            }
            _ => {}
        }
    }
    plan.iter().map(|(id, node)| asked[id.index()] && matches!(node.op, Op::Event(_))).collect()
}

/// For each node whether somebody asks for what it was before the events of an instant: it is charged or restarted.
fn charged(plan: &Plan) -> Vec<bool> {
    let mut charged = vec![false; plan.nodes.len()];
    // Readers stand behind what they read.
    for (id, node) in plan.nodes.iter().enumerate().rev() {
        match &node.op {
            Op::Split { of, .. } | Op::Scope { of, .. } => charged[of.index()] = true,
            op if charged[id] => op.inputs().iter().for_each(|input| charged[input.index()] = true),
            _ => {}
        }
    }
    charged
}

/// The numbers that a split charges: one, or the two sides of a ratio.
pub(super) fn sides(plan: &Plan, of: NodeId) -> [Option<NodeId>; 2] {
    match plan.node(of).op {
        Op::Ratio { numerator, denominator } => [Some(numerator), Some(denominator)],
        _ => [Some(of), None],
    }
}

/// Words that hold a number: of floats the nearest one, and what that lacks.
pub(super) fn number_words(plan: &Plan, id: NodeId) -> usize {
    match plan.node(id).kind {
        Kind::Number(unit) if unit.is_float() => 2,
        _ => 1,
    }
}
