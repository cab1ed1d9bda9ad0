//! Reading a session at its instant.

use super::compile::CompiledPlan;
use super::derived::PassEvents;
use super::dictionary::Dictionary;
use super::row::{NOT_SINCE, Row};
use super::{number, split, value_of};
use crate::plan::{NodeId, Op, TimelineKind};
use crate::{Linear, Time, Value};
use smallvec::SmallVec;

/// A session as it is at the row's instant.
#[derive(Debug)]
pub struct SessionView<'a> {
    pub(super) compiled: &'a CompiledPlan,
    pub(super) dictionary: &'a Dictionary,
    pub(super) row: &'a Row<'a>,
    /// The events that were made in the pass, and what it found changed; none outside of one.
    pass: Option<(&'a PassEvents, &'a [bool])>,
}

/// What a timeline says at an instant.
#[derive(Clone, Debug, PartialEq)]
pub enum TimelineValue {
    /// Nothing.
    Absent,
    /// A state's value.
    State(Value),
    /// A number: its linear piece from this instant on.
    Number(Linear),
    /// Both sides of a ratio, which is absent while the denominator is zero.
    Ratio {
        /// The numerator's piece.
        numerator: Linear,
        /// The denominator's piece.
        denominator: Linear,
    },
}

/// Values of dimensions or of group columns, absent ones as `None`: nearly always one or two, which stand in place.
pub type Dimensions = SmallVec<[Option<Value>; 2]>;

/// What one value of the dimensions of a split has been charged.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The dimensions, absent ones as `None`; empty for a metric without a split.
    pub dimensions: Dimensions,
    /// The share.
    pub reading: TimelineValue,
}

/// Where a condition turned whose sessions are counted at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConcurrencyTurns {
    /// The instants at which it turned, true first, as far as they are kept.
    pub at: Vec<Time>,
    /// For how long it was true before them.
    pub before: Time,
}

impl<'a> SessionView<'a> {
    pub(crate) fn new(compiled: &'a CompiledPlan, dictionary: &'a Dictionary, row: &'a Row<'a>) -> Self {
        SessionView { compiled, dictionary, row, pass: None }
    }

    /// The view of an evaluation.
    pub(crate) fn of_pass(self, pass_events: &'a PassEvents, dirty: &'a [bool]) -> Self {
        SessionView { pass: Some((pass_events, dirty)), ..self }
    }

    /// Whether the node, an event that is made of timelines, happens in the evaluation that the view is of.
    pub fn happens(&self, id: NodeId) -> bool {
        self.is_event(id) && self.pass.is_some_and(|(pass_events, dirty)| pass_events.any(dirty, id.index()))
    }

    /// Whether the node is an event, which says nothing between its instants.
    pub fn is_event(&self, id: NodeId) -> bool {
        matches!(self.compiled.plan.node(id).kind, TimelineKind::Event(_))
    }

    /// The instant.
    pub fn now(&self) -> Time {
        self.row.now()
    }

    /// What the node says; events say nothing between their instants.
    pub fn reading(&self, id: NodeId) -> TimelineValue {
        match self.compiled.plan.node(id).kind {
            TimelineKind::Event(_) => TimelineValue::Absent,
            TimelineKind::State(_) => self.state(id).map_or(TimelineValue::Absent, TimelineValue::State),
            TimelineKind::Number(_) => {
                number::linear(self.compiled, self.row, id).map_or(TimelineValue::Absent, TimelineValue::Number)
            }
            TimelineKind::Ratio(_) => {
                number::ratio(self.compiled, self.row, id).map_or(TimelineValue::Absent, |(numerator, denominator)| {
                    TimelineValue::Ratio { numerator, denominator }
                })
            }
        }
    }

    /// The value of a state; `None` where it is absent, and for anything that is no state.
    pub fn state(&self, id: NodeId) -> Option<Value> {
        match self.compiled.plan.node(id).kind {
            TimelineKind::State(_) => self.value_of(id, self.compiled.state(id).get(self.row.words)),
            _ => None,
        }
    }

    /// The value of a word of a state.
    pub(super) fn value_of(&self, id: NodeId, word: u64) -> Option<Value> {
        match self.compiled.plan.node(id).kind {
            TimelineKind::State(ty) => value_of(word, ty, self.dictionary),
            _ => None,
        }
    }

    /// What a metric says: for each value of its dimensions that was in force at some instant, in the order of first being so.
    pub fn shares(&self, root: NodeId) -> Vec<Share> {
        self.shares_where(root, |_| true)
    }

    /// Of the shares, those behind the first `known` ones, and those that may say something else than at the evaluation
    /// before, when the one of that number was in force; each with its number, and which one now is in force.
    pub fn shares_since(&self, root: NodeId, known: usize, before: usize) -> (Vec<(usize, Share)>, usize) {
        let (count, now) = match self.compiled.plan.node(root).op {
            Op::Split { .. } => split::in_force(self.compiled, self.row, root),
            _ => (1, Some(0)),
        };
        let wanted = |i: usize| i >= known || i == before || now.is_none_or(|now| i == now);
        let numbers = (0..count).filter(|i| wanted(*i));
        (numbers.zip(self.shares_where(root, wanted)).collect(), now.unwrap_or(0))
    }

    fn shares_where(&self, root: NodeId, wanted: impl Fn(usize) -> bool) -> Vec<Share> {
        let Op::Split { by, .. } = &self.compiled.plan.node(root).op else {
            return vec![Share { dimensions: Dimensions::new(), reading: self.reading(root) }];
        };
        let is_state = matches!(self.compiled.plan.node(root).kind, TimelineKind::State(_));
        split::shares(self.compiled, self.row, root, wanted, |words, first, second| Share {
            dimensions: words.iter().zip(by).map(|(word, id)| self.dimension_of(*id, *word)).collect(),
            reading: share_reading(is_state, first, second),
        })
    }

    /// Tells what a metric of whole sessions says, and nothing of any other: for each of its shares the words of its dimensions,
    /// which stand for values as [`SessionView::dimension`] says, and its reading.
    pub fn each_whole_share(&self, metric: usize, mut tell: impl FnMut(&[u64], TimelineValue)) {
        let own = &self.compiled.read[metric];
        let node = self.compiled.plan.node(own.root);
        match node.op {
            _ if !own.is_whole => {}
            Op::Split { .. } => {
                let is_state = matches!(node.kind, TimelineKind::State(_));
                split::shares(
                    self.compiled,
                    self.row,
                    own.root,
                    |_| true,
                    |words, first, second| {
                        tell(words, share_reading(is_state, first, second));
                    },
                );
            }
            _ => tell(&[], self.reading(own.root)),
        }
    }

    /// The value of a dimension of a metric's split that a word stands for; `None` if it is absent, or there is no split.
    pub fn dimension(&self, metric: usize, dimension: usize, word: u64) -> Option<Value> {
        match &self.compiled.plan.node(self.compiled.read[metric].root).op {
            Op::Split { by, .. } => self.dimension_of(*by.get(dimension)?, word),
            _ => None,
        }
    }

    fn dimension_of(&self, id: NodeId, word: u64) -> Option<Value> {
        let node = self.compiled.plan.node(id);
        match node.kind {
            TimelineKind::State(ty) => value_of(word, ty, self.dictionary).map(|value| node.op.as_dimension(value)),
            _ => None,
        }
    }

    /// What a metric says, if it is told of whole sessions and by neither windows nor events.
    pub fn whole_shares(&self, metric: usize) -> Vec<Share> {
        match &self.compiled.read[metric] {
            own if own.is_whole => self.shares(own.root),
            _ => vec![],
        }
    }

    /// The turns of such a metric.
    pub fn whole_turns(&self, metric: usize) -> Vec<ConcurrencyTurns> {
        match &self.compiled.read[metric] {
            own if own.is_whole && own.has_turns => self.turns(own.root),
            _ => vec![],
        }
    }

    /// What is read beside a metric, `None` for what is no state; nothing at all if nothing is one.
    pub fn beside(&self, metric: usize) -> Vec<Option<Value>> {
        let own = &self.compiled.read[metric];
        own.beside.iter().map(|of| of.and_then(|id| self.state(id))).collect()
    }

    /// The turns of a condition whose sessions are counted at once, for each of its shares; none for other metrics.
    pub fn turns(&self, root: NodeId) -> Vec<ConcurrencyTurns> {
        match (&self.compiled.plan.node(root).op, self.compiled.plan.counted_at_once(root)) {
            (_, None) => vec![],
            (Op::Split { .. }, Some(_)) => split::turns(self.compiled, self.row, root),
            (_, Some(_)) => {
                let place = self.compiled.layout.nodes[root.index()];
                let cell = self.row.heap.cell(place.cell);
                let at = cell.map_or_else(Vec::new, |cell| cell.pieces.iter().map(|turn| turn.start).collect());
                vec![ConcurrencyTurns { at, before: self.row.words[place.at + 1] as Time }]
            }
        }
    }

    /// How many values were forgotten beyond the caps of its workers; windows of the clock say it of themselves.
    pub fn forgotten(&self) -> u64 {
        let words = self.compiled.layout.forgotten.iter();
        let beyond = self.compiled.splits.iter().map(|id| split::beyond(self.compiled, self.row, *id));
        words.map(|at| self.row.words[*at]).chain(beyond).fold(0, u64::saturating_add)
    }

    /// The start of an alert's span that is open at the instant, with what is shown beside it.
    pub fn open_alert(&self, alert: usize) -> Option<(Time, Vec<Option<Value>>)> {
        let code = &self.compiled.alerts[alert];
        let start = self.row.words[code.at] as Time;
        (start != NOT_SINCE).then(|| (start, code.values(self.compiled, self.dictionary, self.row)))
    }
}

/// What a share says, out of its number or of both sides of its ratio.
fn share_reading(is_state: bool, first: Linear, second: Option<Linear>) -> TimelineValue {
    match second {
        None if is_state => TimelineValue::State(Value::Bool(first.sign() != 0)),
        None => TimelineValue::Number(first),
        Some(denominator) => TimelineValue::Ratio { numerator: first, denominator },
    }
}
