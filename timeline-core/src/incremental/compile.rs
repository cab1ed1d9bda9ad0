//! The plan as a flat array of operations: which there are, and what runs for a set of columns.

use super::choose::Out;
use super::code::{Bool, Code, Existing, State};
use super::derived::{Derived, Input, Sample};
use super::dictionary::Dictionary;
use super::effect::Effect;
use super::every::{self, Clock, Left};
use super::expression::Expression;
use super::layout::Layout;
use super::mixed::Mixed;
use super::row::{ABSENT, NEVER, NOT_SINCE};
use super::user::{self, Argument, User};
use super::word_of;
use crate::Type;
use crate::plan::{Kind, NodeId, Op, Plan, Unit, UserOperator};
use std::collections::HashMap;
use std::sync::Arc;

/// For how many sets of timers that are due together there are programs of their own.
const TIMER_PROGRAMS: usize = 256;

/// A plan, ready to run.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub plan: Arc<Plan>,
    pub layout: Layout,
    /// Operations, one per node, in the order of the nodes.
    pub codes: Vec<Code>,
    /// What events change directly.
    pub leaves: Vec<Leaf>,
    /// User operators, by the number that their leaves have.
    pub users: Vec<User>,
    /// By node, what its events do to those who read them one by one, with the reader; only for events made in the pass.
    pub reactions: Vec<Vec<(usize, Effect)>>,
    /// Words of a new session that are not 0.
    pub initial: Vec<(usize, u64)>,
    /// Nodes that can change without an event.
    pub timed: Vec<usize>,
    /// Alerts: the truth value and the word with the start of the open span.
    pub alerts: Vec<(usize, Bool, usize)>,
    /// How many texts are constants of the plan; they have the lowest numbers.
    pub constants: usize,
    pub compared_only: u64,
    /// What runs for a set of changed columns; the first is everything.
    pub programs: Vec<Program>,
    by_columns: HashMap<u64, usize>,
    /// What runs where some of the timed nodes, a set of their places in `timed`, change by themselves.
    by_due: HashMap<u64, usize>,
    last_due: (u64, usize),
    /// Clocks whose windows metrics are told by.
    pub clocks: Vec<Clock>,
    /// What the states are kept in by which these are grouped.
    pub left: Option<Left>,
    /// The last set of columns that was asked for, and its program.
    recent: [(u64, usize); 8],
}

/// The operations that a set of columns can affect.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    /// Nodes, inputs first.
    pub nodes: Vec<u16>,
    /// Leaves, for the events that have these columns.
    pub leaves: Vec<u16>,
    /// Whether a timer may be set or cleared.
    pub timed: bool,
    /// Whether an alert may change.
    pub alerts: bool,
}

/// What an event changes directly.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub columns: u64,
    pub payload: Expression,
    pub effect: Effect,
}

impl Compiled {
    pub(super) fn new(plan: Arc<Plan>, dictionary: &mut Dictionary) -> Self {
        let layout = Layout::new(&plan);
        let mut compiled = Compiled {
            codes: vec![],
            leaves: vec![],
            users: vec![],
            reactions: vec![vec![]; plan.nodes.len()],
            initial: initial(&layout),
            timed: vec![],
            alerts: vec![],
            constants: 0,
            compared_only: u64::MAX,
            programs: vec![],
            by_columns: HashMap::new(),
            by_due: HashMap::new(),
            last_due: (0, 0),
            clocks: vec![],
            left: None,
            recent: [(0, 0); 8],
            plan: Arc::clone(&plan),
            layout,
        };
        for (id, node) in plan.iter() {
            let code = compiled.code(id, &node.op, dictionary);
            if code.is_timed() {
                compiled.timed.push(id.index());
            }
            compiled.codes.push(code);
        }
        if let Some(when) = plan.end.when {
            compiled.read(when, when, Effect::End, dictionary);
        }
        for (i, alert) in plan.alerts.iter().enumerate() {
            compiled.alerts.push((i, compiled.bool(alert.root), compiled.layout.alerts[i]));
        }
        compiled.constants = dictionary.len();
        let arguments = compiled.users.iter().flat_map(|user| user.arguments.iter().map(|argument| &argument.value));
        let read = compiled.leaves.iter().map(|leaf| &leaf.payload).chain(arguments);
        let read = read.fold(0, |columns, payload| columns | payload.read_columns());
        // What is noted of a record is kept, so its texts need numbers.
        let noted = plan.iter().fold(0, |columns, (_, node)| columns | asked_columns(&node.op));
        compiled.compared_only = !(read | noted);
        compiled.clocks = every::clocks(&plan, &compiled.layout);
        compiled.left = Left::new(&compiled);
        let everything = compiled.build_program(u64::MAX, &[], true);
        compiled.programs.push(everything);
        compiled
    }

    /// The number of the program for a set of columns.
    #[inline]
    pub(super) fn program(&mut self, columns: u64) -> usize {
        let slot = (columns.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61) as usize;
        let (key, program) = self.recent[slot];
        if key == columns && program != 0 {
            return program;
        }
        self.find_program(columns, slot)
    }

    #[cold]
    fn find_program(&mut self, columns: u64, slot: usize) -> usize {
        let program = match self.by_columns.get(&columns) {
            Some(program) => *program,
            None => {
                let program = self.build_program(columns, &[], false);
                self.programs.push(program);
                self.by_columns.insert(columns, self.programs.len() - 1);
                self.programs.len() - 1
            }
        };
        self.recent[slot] = (columns, program);
        program
    }

    /// The number of the program for a set of timed nodes, by their places in `timed`, that change by themselves.
    #[inline]
    pub(super) fn timer_program(&mut self, due: u64) -> usize {
        if self.last_due.0 != due || due == 0 {
            let program = match self.by_due.get(&due) {
                Some(program) => *program,
                // What else comes together is rare: then everything runs.
                None if self.by_due.len() >= TIMER_PROGRAMS => 0,
                None => {
                    let is_due = |place: usize| due >> place.min(63) & 1 == 1;
                    let nodes = self.timed.iter().enumerate().filter(|(place, _)| is_due(*place));
                    let nodes: Vec<usize> = nodes.map(|(_, node)| *node).collect();
                    let program = self.build_program(0, &nodes, due == 0);
                    self.programs.push(program);
                    self.by_due.insert(due, self.programs.len() - 1);
                    self.programs.len() - 1
                }
            };
            self.last_due = (due, program);
        }
        self.last_due.1
    }

    /// What runs for events with these columns, and where these nodes change by themselves.
    fn build_program(&self, columns: u64, due: &[usize], everything: bool) -> Program {
        let mut affected = vec![false; self.codes.len()];
        let mut program = Program::default();
        for (i, code) in self.codes.iter().enumerate() {
            let of_columns = match code {
                Code::Latest { columns: c, .. }
                | Code::Written { columns: c }
                | Code::EventWithin { columns: c, .. }
                | Code::CountWithin { columns: c, .. }
                | Code::Derived(Derived::Gather { columns: c, .. })
                | Code::Mixed(Mixed { columns: c, .. }) => c & columns != 0,
                _ => false,
            };
            let of_inputs = self.plan.nodes[i].op.inputs().iter().any(|input| affected[input.index()]);
            let by_itself = due.contains(&i);
            affected[i] = (everything || of_columns || of_inputs || by_itself) && !matches!(code, Code::Nothing);
            if affected[i] {
                program.nodes.push(i as u16);
                program.timed |= code.is_timed();
                program.alerts |= self.plan.alerts.iter().any(|alert| alert.root.index() == i);
            }
        }
        program.leaves =
            (0u16..).zip(&self.leaves).filter(|(_, leaf)| leaf.columns & columns != 0).map(|(i, _)| i).collect();
        program
    }

    pub(super) fn bool(&self, id: NodeId) -> Bool {
        let place = &self.layout.nodes[id.index()];
        Bool { word: place.bool_word, shift: place.bool_shift }
    }

    pub(super) fn state(&self, id: NodeId) -> State {
        let node = self.plan.node(id);
        match (&node.op, node.kind) {
            (_, Kind::State(Type::Bool)) => State::Bool(self.bool(id)),
            (Op::Constant(_), _) => match self.codes[id.index()] {
                Code::Constant { value, .. } => State::Constant(value),
                _ => unreachable!("constants compile to constants"),
            },
            _ => State::Word(self.layout.nodes[id.index()].at),
        }
    }

    /// Lets the node's events act on the reader; returns the columns of which they speak, if records make them.
    fn read(&mut self, reader: NodeId, event: NodeId, effect: Effect, dictionary: &mut Dictionary) -> u64 {
        let Op::Event(e) = &self.plan.node(event).op else {
            self.reactions[event.index()].push((reader.index(), effect));
            return 0;
        };
        let columns = e.columns();
        let payload = Expression::new(e, &self.plan, dictionary);
        self.leaves.push(Leaf { columns, payload, effect });
        columns
    }

    /// Lets a node take note of records that may be behind the events that it reads.
    pub(super) fn note(&mut self, id: NodeId, event: NodeId, columns: u64, dictionary: &mut Dictionary) {
        let payload = match &self.plan.node(event).op {
            Op::Event(e) => Expression::new(e, &self.plan, dictionary),
            _ => Expression::Constant(ABSENT),
        };
        self.leaves.push(Leaf { columns, payload, effect: Effect::Note { node: id.index() } });
    }

    /// Lets records act on a user operator; returns the columns of which they speak.
    fn user(&mut self, id: NodeId, operator: &Arc<UserOperator>, of: &[NodeId], dictionary: &mut Dictionary) -> u64 {
        let mut columns = 0;
        let mut arguments = vec![];
        for event in of {
            let node = self.plan.node(*event);
            let (Op::Event(e), Kind::Event(ty)) = (&node.op, node.kind) else {
                unreachable!("the builder gives user operators events of records only")
            };
            columns |= e.columns();
            arguments.push(Argument { ty, columns: e.columns(), value: Expression::new(e, &self.plan, dictionary) });
        }
        // The leaf says when; what it reads is the user's.
        let payload = arguments[0].value.clone();
        self.leaves.push(Leaf { columns, payload, effect: Effect::User { user: self.users.len() } });
        let at = self.layout.nodes[id.index()].at;
        self.users.push(User { node: id, at, operator: Arc::clone(operator), arguments });
        columns
    }

    /// Where a choice puts its value; nowhere if it is a number.
    fn out(&mut self, id: NodeId) -> Option<Out> {
        let at = self.layout.nodes[id.index()].at;
        match self.plan.node(id).kind {
            Kind::State(Type::Bool) => Some(Out::Bool(self.bool(id))),
            Kind::State(_) => {
                self.initial.push((at, ABSENT));
                Some(Out::Word(at))
            }
            _ => None,
        }
    }

    /// Whether the node keeps what it was before an instant; no instant has been yet.
    fn keep_before(&mut self, id: NodeId) -> bool {
        let place = self.layout.nodes[id.index()];
        let words = super::layout::number_words(&self.plan, id);
        let keeps = place.words > words;
        if keeps {
            self.initial.push((place.at + words, NOT_SINCE as u64));
        }
        keeps
    }

    fn is_predicate(&self, event: NodeId) -> bool {
        self.plan.node(event).kind == Kind::Event(Type::Bool)
    }

    pub(super) fn input(&self, event: NodeId) -> Input {
        Input { node: event.index() as u16, predicate: self.is_predicate(event) }
    }

    pub(super) fn sample(&self, of: NodeId) -> Sample {
        match self.plan.node(of).kind {
            Kind::Number(unit) => Sample::Number { of, as_float: unit == Unit::Float },
            Kind::Ratio(unit) => Sample::Ratio { of, unit },
            _ => Sample::State(self.state(of)),
        }
    }

    /// A state whose words the events of `of` write.
    fn written(&mut self, id: NodeId, of: NodeId, effect: Effect, dictionary: &mut Dictionary) -> Code {
        let place = self.layout.nodes[id.index()];
        self.initial.extend((place.at..place.at + place.words).map(|at| (at, ABSENT)));
        let out = (self.plan.node(id).kind == Kind::State(Type::Bool)).then(|| self.bool(id));
        let columns = self.read(id, of, effect, dictionary);
        Code::Latest { columns, at: place.at, out, ttl: false }
    }

    fn code(&mut self, id: NodeId, op: &Op, dictionary: &mut Dictionary) -> Code {
        let at = self.layout.nodes[id.index()].at;
        let out = self.bool(id);
        let n = |id: &NodeId| id.index() as u16;
        let kind = |id: &NodeId| self.plan.node(*id).kind;
        match op {
            Op::Event(_) if self.layout.is_gathered[id.index()] => {
                let cell = self.layout.nodes[id.index()].cell;
                let effect = Effect::Gather { cell, predicate: self.is_predicate(id) };
                Code::Derived(Derived::Gather { columns: self.read(id, id, effect, dictionary), cell })
            }
            Op::Event(_) | Op::ConstantNumber { .. } => Code::Nothing,
            Op::Constant(value) => Code::Constant { out, value: word_of(value, dictionary) },
            Op::Latest { of, ttl } => {
                let is_bool = kind(of) == Kind::Event(Type::Bool);
                let columns = self.read(id, *of, Effect::Latest { at, ttl: *ttl }, dictionary);
                self.initial.push((at, ABSENT));
                if ttl.is_some() {
                    self.initial.push((at + 1, NEVER as u64));
                }
                Code::Latest { columns, at, out: is_bool.then_some(out), ttl: ttl.is_some() }
            }
            Op::HasExisted { of } => match kind(of) {
                Kind::Event(ty) => {
                    let predicate = ty == Type::Bool;
                    Code::Written { columns: self.read(id, *of, Effect::Existed { out, predicate }, dictionary) }
                }
                _ => Code::StateExisted { on: n(of), of: self.bool(*of), out },
            },
            Op::HasExistedWithin { of, window } => {
                self.initial.push((at, NOT_SINCE as u64));
                match kind(of) {
                    Kind::Event(ty) => {
                        let effect = Effect::Within { at, window: *window, predicate: ty == Type::Bool };
                        Code::EventWithin { columns: self.read(id, *of, effect, dictionary), at, out }
                    }
                    _ => Code::StateWithin { on: n(of), of: self.bool(*of), at, out, window: *window },
                }
            }
            Op::HeldFor { of, length } => {
                self.initial.push((at, NOT_SINCE as u64));
                Code::HeldFor { on: n(of), of: self.bool(*of), at, out, length: *length }
            }
            Op::DurationWhere { of } => {
                self.initial.push((at + 1, NOT_SINCE as u64));
                Code::DurationWhere { on: n(of), of: self.bool(*of), at }
            }
            Op::DurationInCurState { of } => {
                self.initial.push((at + 1, ABSENT));
                Code::DurationInCurState { on: n(of), of: self.state(*of), at }
            }
            Op::CompareStates { compare, left, right } => {
                let types = match (kind(left), kind(right)) {
                    (Kind::State(a), Kind::State(b)) => (a, b),
                    _ => unreachable!("the builder compares states only"),
                };
                let of = [self.state(*left), self.state(*right)];
                Code::CompareStates { on: [n(left), n(right)], compare: *compare, types, of, out }
            }
            Op::CompareNumbers { left, right, .. } => {
                self.initial.push((at, NEVER as u64));
                Code::CompareNumbers { on: [n(left), n(right)], at, out }
            }
            Op::Not(of) => Code::Not { on: n(of), of: self.bool(*of), out },
            Op::And(a, b) => Code::And { on: [n(a), n(b)], of: [self.bool(*a), self.bool(*b)], out },
            Op::Or(a, b) => Code::Or { on: [n(a), n(b)], of: [self.bool(*a), self.bool(*b)], out },
            Op::NumberOf(of) | Op::DurationOf(of) | Op::Scale { of, .. } => Code::Pulled { inputs: [n(of); 2] },
            Op::Longest { of } => {
                self.initial.push((at + 1, NOT_SINCE as u64));
                Code::Longest { on: n(of), of: self.bool(*of), at }
            }
            Op::DurationOfPreviousState { of } => {
                self.initial.extend([(at + 1, ABSENT), (at + 2, NOT_SINCE as u64)]);
                Code::DurationOfPreviousState { on: n(of), of: self.state(*of), at }
            }
            Op::Integral { of, over } => {
                let on = [n(of), n(over.as_ref().unwrap_or(of))];
                Code::Integral { on, of: *of, over: over.map(|over| self.bool(over)), at }
            }
            Op::If { condition, then, otherwise } => {
                let on = [n(condition), n(then), n(otherwise)];
                match self.out(id) {
                    None => Code::PulledOfThree { inputs: on },
                    Some(out) => {
                        let of = [self.state(*then), self.state(*otherwise)];
                        Code::If { on, condition: self.bool(*condition), of, out }
                    }
                }
            }
            Op::Coalesce(a, b) => match self.out(id) {
                None => Code::Pulled { inputs: [n(a), n(b)] },
                Some(out) => Code::Coalesce { on: [n(a), n(b)], of: [self.state(*a), self.state(*b)], out },
            },
            Op::Exists(of) => {
                let existing = match kind(of) {
                    Kind::Ratio(_) => {
                        self.initial.push((at, NEVER as u64));
                        Existing::Ratio { of: *of, at }
                    }
                    Kind::Number(_) => Existing::Number(*of),
                    _ => Existing::State(self.state(*of)),
                };
                Code::Exists { on: n(of), of: existing, out }
            }
            Op::Apply { function, of } => {
                let argument = |of: &NodeId| {
                    let ty = kind(of).stepped().expect("the builder checked the types");
                    (n(of), self.sample(*of), ty)
                };
                let of = of.iter().map(argument).collect();
                Code::Apply { function: *function, of, out: self.out(id).expect("a function makes a state") }
            }
            Op::Either(a, b) => Code::Derived(Derived::Either { of: [self.input(*a), self.input(*b)] }),
            Op::Concurrency { of, cap } => {
                let cell = self.layout.nodes[id.index()].cell;
                let splits = self.plan.nodes.iter().any(|node| matches!(node.op, Op::Split { of, .. } if of == id));
                let keeps = !splits || self.plan.metrics.iter().any(|metric| metric.root == id);
                Code::Concurrency { on: n(of), of: self.bool(*of), out, at, cell, cap: *cap as usize, keeps }
            }
            Op::Every { length } => {
                self.initial.push((at + 1, NEVER as u64));
                Code::Every { at, length: *length }
            }
            Op::Scope { of, by } => Code::Scope { on: [n(of), n(by)], of: *of, by: self.state(*by), at },
            Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) | Op::Ratio { numerator: a, denominator: b } => {
                Code::Pulled { inputs: [n(a), n(b)] }
            }
            Op::OverLast { of, .. } => {
                self.initial.push((at, NEVER as u64));
                Code::OverLast { on: n(of), at }
            }
            Op::Rise { of } => Code::Derived(Derived::Turn { on: n(of), of: self.bool(*of), at, falling: false }),
            Op::Fall { of } => Code::Derived(Derived::Turn { on: n(of), of: self.bool(*of), at, falling: true }),
            Op::Changes { of } => {
                self.initial.push((at, ABSENT));
                Code::Derived(Derived::Changes { on: n(of), of: self.state(*of), at })
            }
            Op::At { event, of } => Code::Derived(Derived::At { event: self.input(*event), of: self.sample(*of) }),
            Op::Each { .. } | Op::Filter { .. } => Code::Mixed(self.mixed(id, op, dictionary)),
            Op::FollowedBy { first, then, window } => {
                self.initial.push((at, NOT_SINCE as u64));
                let (first, then) = (self.input(*first), self.input(*then));
                Code::Derived(Derived::FollowedBy { first, then, at, window: *window })
            }
            Op::NotFollowedBy { first, then, window } => {
                self.initial.push((at, NEVER as u64));
                let (first, then, cell) = (self.input(*first), self.input(*then), self.layout.nodes[id.index()].cell);
                Code::Derived(Derived::NotFollowedBy { first, then, at, cell, window: *window })
            }
            Op::Count { of } => {
                let charged = self.keep_before(id);
                let effect = Effect::Count { at, predicate: self.is_predicate(*of), charged };
                Code::Written { columns: self.read(id, *of, effect, dictionary) }
            }
            Op::CountWithin { of, window } => {
                self.initial.push((at + 1, NEVER as u64));
                let cell = self.layout.nodes[id.index()].cell;
                let effect = Effect::CountWithin { at, cell, predicate: self.is_predicate(*of) };
                Code::CountWithin { columns: self.read(id, *of, effect, dictionary), at, cell, window: *window }
            }
            Op::IsNew { of, cap } => {
                let cell = self.layout.nodes[id.index()].cell;
                let effect = Effect::New { at, out, cell, cap: *cap as usize };
                Code::Written { columns: self.read(id, *of, effect, dictionary) }
            }
            Op::Sum { of } => {
                let Kind::Event(ty) = kind(of) else { unreachable!("the builder sums events only") };
                let effect = Effect::Sum { at, ty, charged: self.keep_before(id) };
                Code::Written { columns: self.read(id, *of, effect, dictionary) }
            }
            Op::First { of } => self.written(id, *of, Effect::First { at }, dictionary),
            Op::Previous { of, n } => self.written(id, *of, Effect::Previous { at, n: usize::from(*n) }, dictionary),
            Op::Min { of } | Op::Max { of } => {
                let Kind::Event(ty) = kind(of) else { unreachable!("the builder compares events only") };
                let greatest = matches!(op, Op::Max { .. });
                self.written(id, *of, Effect::Extreme { at, ty, greatest }, dictionary)
            }
            Op::TimeSince { of } => {
                self.initial.push((at, NOT_SINCE as u64));
                match kind(of) {
                    Kind::Event(_) => {
                        let effect = Effect::Since { at, predicate: self.is_predicate(*of) };
                        Code::Written { columns: self.read(id, *of, effect, dictionary) }
                    }
                    _ => Code::StateSince { on: n(of), of: self.bool(*of), at },
                }
            }
            Op::User { operator, of } => {
                self.initial.extend(user::initial(operator, at));
                let is_bool = operator.result == Type::Bool;
                Code::Latest {
                    columns: self.user(id, operator, of, dictionary),
                    at,
                    out: is_bool.then_some(out),
                    ttl: false,
                }
            }
            Op::Split { of, by, .. } => {
                self.initial.push((at, super::split::NO_ENTRY));
                self.initial.push((at + 1, NEVER as u64));
                Code::Split { by: by.iter().map(|id| (n(id), self.state(*id))).collect(), of: n(of), at }
            }
        }
    }
}

/// The columns of records that a node asks for in the pass that ends their instant.
fn asked_columns(op: &Op) -> u64 {
    match op {
        Op::Each { value, .. } => value.columns(),
        Op::Filter { condition, .. } => condition.columns(),
        _ => 0,
    }
}

/// Words that no node sets for itself: no alert is on, and no word is taken for the number of a text.
fn initial(layout: &Layout) -> Vec<(usize, u64)> {
    let since = layout.alerts.iter().chain(&layout.left).map(|at| (*at, NOT_SINCE as u64));
    since.chain(layout.texts.iter().map(|at| (*at, ABSENT))).collect()
}
