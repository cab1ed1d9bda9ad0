//! What an operator is compiled with: where it and its inputs stand, and how events come to act on it.

use super::code::{Bool, ChoiceSlot, Instruction, StateSlot};
use super::compile::{CompiledPlan, Leaf};
use super::derived::{EventInput, EventPayload};
use super::dictionary::Dictionary;
use super::effect::{Effect, EndEffect, NoteEffect, UserEffect};
use super::expression::Expression;
use super::mixed::Mixed;
use super::number::number_words;
use super::row::ABSENT;
use super::user::{OperatorArgument, User};
use super::word_of;
use crate::operators::hold::latest;
use crate::plan::{EventExpr, NodeId, Op, TimelineKind, UserOperator};
use crate::{Type, Value};
use std::sync::Arc;

/// A node that is compiled.
pub(crate) struct Compiling<'a> {
    compiled: &'a mut CompiledPlan,
    dictionary: &'a mut Dictionary,
    id: NodeId,
}

impl<'a> Compiling<'a> {
    pub(super) fn new(compiled: &'a mut CompiledPlan, dictionary: &'a mut Dictionary, id: NodeId) -> Self {
        Compiling { compiled, dictionary, id }
    }

    /// The node.
    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    /// Its first word.
    pub(crate) fn at(&self) -> usize {
        self.compiled.layout.nodes[self.id.index()].at
    }

    /// How many words it has.
    pub(crate) fn words(&self) -> usize {
        self.compiled.layout.nodes[self.id.index()].words
    }

    /// Its heap cell.
    pub(crate) fn cell(&self) -> usize {
        self.compiled.layout.nodes[self.id.index()].cell
    }

    /// Where its truth value stands; of what is no truth value, nowhere.
    pub(crate) fn own_bool(&self) -> Bool {
        self.compiled.bool(self.id)
    }

    /// The same, if it is one.
    pub(crate) fn truth(&self) -> Option<Bool> {
        (self.kind(self.id) == TimelineKind::State(Type::Bool)).then(|| self.own_bool())
    }

    /// Where a choice puts its value; nowhere if it is a number.
    pub(crate) fn out(&self) -> Option<ChoiceSlot> {
        match self.kind(self.id) {
            TimelineKind::State(Type::Bool) => Some(ChoiceSlot::Bool(self.own_bool())),
            TimelineKind::State(_) => Some(ChoiceSlot::Word(self.at())),
            TimelineKind::Event(_) | TimelineKind::Number(_) | TimelineKind::Ratio(_) => None,
        }
    }

    /// Whether it keeps what it was before the events of an instant.
    pub(crate) fn keeps_before(&self) -> bool {
        self.compiled.layout.nodes[self.id.index()].words > number_words(&self.compiled.plan, self.id)
    }

    /// Whether the ranks of its events are noted.
    pub(crate) fn is_gathered(&self) -> bool {
        self.compiled.layout.is_gathered[self.id.index()]
    }

    /// Whether it is what a metric says.
    pub(crate) fn is_root(&self) -> bool {
        self.compiled.plan.metrics.iter().any(|metric| metric.root == self.id)
    }

    /// Whether it is split.
    pub(crate) fn is_split(&self) -> bool {
        self.compiled.plan.nodes.iter().any(|node| matches!(node.op, Op::Split { of, .. } if of == self.id))
    }

    /// The number of an input.
    pub(crate) fn n(&self, of: NodeId) -> u16 {
        of.index() as u16
    }

    /// The operator of an input.
    pub(crate) fn op(&self, of: NodeId) -> &Op {
        &self.compiled.plan.node(of).op
    }

    /// What an input is.
    pub(crate) fn kind(&self, of: NodeId) -> TimelineKind {
        self.compiled.plan.node(of).kind
    }

    /// The type of an input's payloads or values.
    pub(crate) fn payload(&self, of: NodeId) -> Type {
        match self.kind(of) {
            TimelineKind::Event(ty) | TimelineKind::State(ty) => ty,
            other => unreachable!("the builder gives a value here, not {other}"),
        }
    }

    /// Whether of an event only what says true counts where matches are wanted.
    pub(crate) fn is_predicate(&self, event: NodeId) -> bool {
        self.compiled.is_predicate(event)
    }

    /// Where an input's truth value stands.
    pub(crate) fn bool(&self, of: NodeId) -> Bool {
        self.compiled.bool(of)
    }

    /// Where an input's value stands.
    pub(crate) fn state(&self, of: NodeId) -> StateSlot {
        self.compiled.state(of)
    }

    /// An event that is read for its matches in the pass.
    pub(crate) fn input(&self, event: NodeId) -> EventInput {
        self.compiled.input(event)
    }

    /// What an input is at an instant, as a payload.
    pub(crate) fn sample(&self, of: NodeId) -> EventPayload {
        self.compiled.sample(of)
    }

    /// The word of a value.
    pub(crate) fn word_of(&mut self, value: &Value) -> u64 {
        word_of(value, self.dictionary)
    }

    /// Lets the events act on the node; returns the columns of which they speak, if records make them.
    pub(crate) fn read(&mut self, event: NodeId, effect: Effect) -> u64 {
        let Op::Event(e) = &self.compiled.plan.node(event).op else {
            self.compiled.reactions[event.index()].push((self.id.index(), effect));
            return 0;
        };
        let columns = e.columns();
        let payload = Expression::new(e, &self.compiled.plan, self.dictionary);
        self.leaf(columns, payload, effect);
        columns
    }

    /// Lets the events end the session.
    pub(super) fn end_session(&mut self, event: NodeId) {
        self.read(event, Effect::End(EndEffect));
    }

    /// A state whose words the events write.
    pub(crate) fn written(&mut self, event: NodeId, effect: Effect) -> Instruction {
        let columns = self.read(event, effect);
        Instruction::Latest(latest::Step { columns, at: self.at(), out: self.truth(), ttl: false })
    }

    /// Lets records act on a user operator; returns the columns of which they speak.
    pub(crate) fn user(&mut self, operator: &Arc<UserOperator>, of: &[NodeId]) -> u64 {
        let mut columns = 0;
        let mut arguments = vec![];
        for event in of {
            let node = self.compiled.plan.node(*event);
            let (Op::Event(e), TimelineKind::Event(ty)) = (&node.op, node.kind) else {
                unreachable!("the builder gives user operators events of records only")
            };
            columns |= e.columns();
            let value = Expression::new(e, &self.compiled.plan, self.dictionary);
            arguments.push(OperatorArgument { ty, columns: e.columns(), value });
        }
        // The leaf says when; what it reads is the user's.
        let payload = arguments[0].value.clone();
        self.leaf(columns, payload, Effect::OfUser(UserEffect { user: self.compiled.users.len() }));
        let user = User { node: self.id, at: self.at(), operator: Arc::clone(operator), arguments };
        self.compiled.users.push(user);
        columns
    }

    /// What a pass does for `at` and `filter` over columns, whose records are noted as they come.
    pub(crate) fn mixed(&mut self, event: NodeId, asked: &EventExpr, of: &[NodeId], is_filter: bool) -> Mixed {
        let mixed = Mixed::new(self.compiled, self.id, (event, is_filter), (asked, of), self.dictionary);
        if mixed.columns != 0 {
            let payload = match &self.compiled.plan.node(event).op {
                Op::Event(e) => Expression::new(e, &self.compiled.plan, self.dictionary),
                _ => Expression::Constant(ABSENT),
            };
            self.leaf(mixed.columns, payload, Effect::Note(NoteEffect { node: self.id.index() }));
        }
        mixed
    }

    fn leaf(&mut self, columns: u64, payload: Expression, effect: Effect) {
        self.compiled.acted_on[self.id.index()] |= columns;
        let reads_more = matches!(effect, Effect::OfUser(_) | Effect::Note(_));
        self.compiled.leaves.push(Leaf { columns, payload, effect, reads_more });
    }
}
