//! The plan as a flat array of operations: which there are, and what runs for a set of columns.

use super::code::{Bool, Deadline, Instruction, StateSlot};
use super::compiling::Compiling;
use super::derived::{EventInput, EventPayload};
use super::dictionary::Dictionary;
use super::effect::Effect;
use super::every::{self, StatesBefore, WindowClock};
use super::expression::Expression;
use super::layout::RowLayout;
use super::matches::{self, CountedMetric};
use super::number::Before;
use super::row::NOT_SINCE;
use super::split::Entries;
use super::user::User;
use crate::Type;
use crate::plan::{GroupOf, Metric, NodeId, Op, Plan, TimelineKind, Unit};
use std::collections::HashMap;
use std::sync::Arc;

/// For how many sets of timers that are due together there are programs of their own.
const TIMER_PROGRAMS: usize = 256;

/// A plan, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct CompiledPlan {
    pub plan: Arc<Plan>,
    pub layout: RowLayout,
    /// Operations, one per node, in the order of the nodes.
    pub codes: Vec<Instruction>,
    /// What events change directly.
    pub leaves: Vec<Leaf>,
    /// For each node the columns of the records that act on it.
    pub acted_on: Vec<u64>,
    /// For each node how it is told what it was before an instant.
    pub before: Vec<Before>,
    /// User operators, by the number that their leaves have.
    pub users: Vec<User>,
    /// By node, what its events do to those who read them one by one, with the reader; only for events made in the pass.
    pub reactions: Vec<Vec<(usize, Effect)>>,
    /// Words of a new session that are not 0.
    pub initial: Vec<(usize, u64)>,
    /// Nodes that can change without an event, and when they do.
    pub timed: Vec<(usize, Deadline)>,
    /// Alerts.
    pub alerts: Vec<AlertCode>,
    /// How many texts are constants of the plan; they have the lowest numbers.
    pub constants: usize,
    pub compared_only: u64,
    /// What runs for a set of changed columns; the first is everything.
    pub programs: Vec<AffectedOperations>,
    by_columns: HashMap<u64, usize>,
    /// What runs where some of the timed nodes, a set of their places in `timed`, change by themselves.
    by_due: HashMap<u64, usize>,
    last_due: (u64, usize),
    /// Metrics of events.
    pub counted: Vec<CountedMetric>,
    /// Clocks whose windows metrics are told by.
    pub clocks: Vec<WindowClock>,
    /// What the states are kept in by which these are grouped.
    pub left: Option<StatesBefore>,
    /// What is read of a session, by metric.
    pub read: Vec<MetricRead>,
    /// The splits of whole sessions.
    pub splits: Vec<NodeId>,
    /// By node, where the entries of a split stand.
    pub entries: Vec<Option<Entries>>,
    /// The last set of columns that was asked for, and its program.
    recent: [(u64, usize); 8],
}

/// An alert.
#[derive(Clone, Debug)]
pub(crate) struct AlertCode {
    /// Its number.
    pub alert: usize,
    /// Its truth value.
    pub root: Bool,
    /// The word with the start of the open span; behind it are those with what is shown beside it.
    pub at: usize,
    /// What is shown beside it.
    pub beside: Vec<(NodeId, StateSlot)>,
}

/// How a metric is read: settled once, for it is asked of every session.
#[derive(Clone, Debug)]
pub(crate) struct MetricRead {
    pub root: NodeId,
    /// Whether it is told of whole sessions: neither by windows nor by events.
    pub is_whole: bool,
    /// Whether its sessions are counted at once.
    pub has_turns: bool,
    /// What is read beside it, if any of that is a state.
    pub beside: Vec<Option<NodeId>>,
}

impl MetricRead {
    fn new(plan: &Plan, metric: &Metric) -> Self {
        let root = metric.root;
        let state = |of| match of {
            GroupOf::State(id) => Some(id),
            GroupOf::Dimension(_) | GroupOf::Window(_) => None,
        };
        let mut beside: Vec<Option<NodeId>> = metric.beside().map(state).collect();
        if beside.iter().all(Option::is_none) {
            beside.clear();
        }
        let is_whole = plan.windows_of(root).is_none() && !plan.is_of_events(root);
        MetricRead { root, is_whole, has_turns: plan.counted_at_once(root).is_some(), beside }
    }
}

/// The operations that a set of columns can affect.
#[derive(Clone, Debug, Default)]
pub(crate) struct AffectedOperations {
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
pub(crate) struct Leaf {
    pub columns: u64,
    pub payload: Expression,
    pub effect: Effect,
    /// Whether it reads more of a record than the payload.
    pub reads_more: bool,
}

impl CompiledPlan {
    pub(crate) fn new(plan: Arc<Plan>, dictionary: &mut Dictionary) -> Self {
        let layout = RowLayout::new(&plan);
        let deadlines = layout.deadlines.iter().copied().enumerate();
        let timed = deadlines.filter(|(_, deadline)| *deadline != Deadline::Never).collect();
        let mut compiled = CompiledPlan {
            codes: vec![],
            leaves: vec![],
            acted_on: vec![0; plan.nodes.len()],
            before: plan.nodes.iter().map(|node| Before::of(&node.op)).collect(),
            users: vec![],
            reactions: vec![vec![]; plan.nodes.len()],
            initial: initial(&layout),
            timed,
            alerts: vec![],
            constants: 0,
            compared_only: u64::MAX,
            programs: vec![],
            by_columns: HashMap::new(),
            by_due: HashMap::new(),
            last_due: (0, 0),
            counted: matches::counted(&plan),
            read: plan.metrics.iter().map(|metric| MetricRead::new(&plan, metric)).collect(),
            splits: splits(&plan),
            entries: (0..plan.nodes.len()).map(|node| Entries::new(&plan, &layout, node)).collect(),
            clocks: vec![],
            left: None,
            recent: [(0, 0); 8],
            plan: Arc::clone(&plan),
            layout,
        };
        for (id, node) in plan.iter() {
            let code = node.op.compile(&mut Compiling::new(&mut compiled, dictionary, id));
            compiled.codes.push(code);
        }
        if let Some(when) = plan.end.when {
            Compiling::new(&mut compiled, dictionary, when).end_session(when);
        }
        for (i, alert) in plan.alerts.iter().enumerate() {
            let beside = alert.with.iter().map(|beside| (beside.of, compiled.state(beside.of))).collect();
            let (root, at) = (compiled.bool(alert.root), compiled.layout.alerts[i]);
            compiled.alerts.push(AlertCode { alert: i, root, at, beside });
        }
        compiled.constants = dictionary.len();
        let arguments = compiled.users.iter().flat_map(|user| user.arguments.iter().map(|argument| &argument.value));
        let read = compiled.leaves.iter().map(|leaf| &leaf.payload).chain(arguments);
        let read = read.fold(0, |columns, payload| columns | payload.read_columns());
        // What is noted of a record is kept, so its texts need numbers.
        compiled.compared_only = !(read | compiled.layout.noted);
        compiled.clocks = every::clocks(&plan, &compiled.layout);
        compiled.left = StatesBefore::new(&compiled);
        let everything = compiled.build_program(u64::MAX, &[], true);
        compiled.programs.push(everything);
        compiled
    }

    /// The number of the program for a set of columns.
    #[inline]
    pub(crate) fn program(&mut self, columns: u64) -> usize {
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
    pub(crate) fn timer_program(&mut self, due: u64) -> usize {
        if self.last_due.0 != due || due == 0 {
            let program = match self.by_due.get(&due) {
                Some(program) => *program,
                // What else comes together is rare: then everything runs.
                None if self.by_due.len() >= TIMER_PROGRAMS => 0,
                None => {
                    let is_due = |place: usize| due >> place.min(63) & 1 == 1;
                    let nodes = self.timed.iter().enumerate().filter(|(place, _)| is_due(*place));
                    let nodes: Vec<usize> = nodes.map(|(_, (node, _))| *node).collect();
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
    fn build_program(&self, columns: u64, due: &[usize], everything: bool) -> AffectedOperations {
        let mut affected = vec![false; self.codes.len()];
        let mut program = AffectedOperations::default();
        for (i, code) in self.codes.iter().enumerate() {
            let of_columns = self.acted_on[i] & columns != 0;
            let of_inputs = self.plan.nodes[i].op.inputs().iter().any(|input| affected[input.index()]);
            let by_itself = due.contains(&i);
            affected[i] = (everything || of_columns || of_inputs || by_itself) && !matches!(code, Instruction::Nothing);
            if affected[i] {
                program.nodes.push(i as u16);
                program.timed |= self.layout.deadlines[i] != Deadline::Never;
                program.alerts |= self.plan.alerts.iter().any(|alert| alert.root.index() == i);
            }
        }
        program.leaves =
            (0u16..).zip(&self.leaves).filter(|(_, leaf)| leaf.columns & columns != 0).map(|(i, _)| i).collect();
        program
    }

    pub(crate) fn bool(&self, id: NodeId) -> Bool {
        let place = &self.layout.nodes[id.index()];
        Bool { word: place.bool_word, shift: place.bool_shift }
    }

    pub(crate) fn state(&self, id: NodeId) -> StateSlot {
        let node = self.plan.node(id);
        match (&node.op, node.kind) {
            (_, TimelineKind::State(Type::Bool)) => StateSlot::Bool(self.bool(id)),
            (Op::Constant(_), _) => match &self.codes[id.index()] {
                Instruction::Constant(constant) => StateSlot::Constant(constant.value),
                other => unreachable!("constants compile to constants, not to {other:?}"),
            },
            _ => StateSlot::Word(self.layout.nodes[id.index()].at),
        }
    }

    pub(super) fn is_predicate(&self, event: NodeId) -> bool {
        self.plan.node(event).kind == TimelineKind::Event(Type::Bool)
    }

    pub(crate) fn input(&self, event: NodeId) -> EventInput {
        EventInput { node: event.index() as u16, predicate: self.is_predicate(event) }
    }

    pub(crate) fn sample(&self, of: NodeId) -> EventPayload {
        match self.plan.node(of).kind {
            TimelineKind::Number(unit) => EventPayload::Number { of, as_float: unit == Unit::Float },
            TimelineKind::Ratio(unit) => EventPayload::Ratio { of, unit },
            _ => EventPayload::State(self.state(of)),
        }
    }
}

/// The splits of which no dimension is a window.
fn splits(plan: &Plan) -> Vec<NodeId> {
    let splits = plan.iter().filter(|(id, node)| matches!(node.op, Op::Split { .. }) && plan.windows_of(*id).is_none());
    splits.map(|(id, _)| id).collect()
}

/// The words of a new session that are not 0: those of the nodes, and no alert is on.
fn initial(layout: &RowLayout) -> Vec<(usize, u64)> {
    let since = layout.alerts.iter().chain(&layout.left).map(|at| (*at, NOT_SINCE as u64));
    layout.initial.iter().copied().chain(since).collect()
}
