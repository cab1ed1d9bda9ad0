//! The tree to nodes of a plan: names, types and normal forms.
//!
//! Every source, or group of sources that expressions join, has one [`timeline_core::plan::PlanBuilder`] for all programs, into
//! which every expression goes, unused ones too, so that mistakes in them are found; [`prune`](mod@prune) then keeps what
//! the outputs need. Which sources are joined is found by lowering: what joins sources of different builders is noted, and
//! everything is lowered again with one builder for them (see [`group`](mod@group)).
//! Names are known from their definition on, downwards: evaluation order is the order of the text and needs no search.
//!
//! **Invariant:** an expression with a mistake lowers to [`Lowered::Error`], of which nothing more is said.

mod accrue;
mod aggregate;
mod arithmetic;
mod beside;
mod call;
mod choose;
mod compare;
mod constant;
mod events;
mod expect;
mod group;
mod hours;
mod infer;
mod length;
mod logic;
mod matches;
mod mixed;
mod observe;
mod output;
mod product;
mod prune;
mod reading;
mod resolve;
mod scalar;
mod source;
mod table;
mod user;
mod value;
mod window;

pub(crate) use group::Joins;
pub(crate) use hours::{DAYS, clock_text};
pub(crate) use infer::columns as infer_columns;
pub(crate) use observe::Observation;
pub(crate) use source::SourceEntry;

use crate::ProgramText;
use crate::diagnostics::codes::{self, DiagnosticCode};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::modules::Modules;
use crate::syntax::{Expr, ExprKind, Item, Literal, ProgramSyntax, Span};
use group::SourceGroup;
use std::collections::BTreeMap;
use timeline_core::plan::{BuildError, NodeId, Op, RatioUnit, TimelineKind, Unit};
use value::{Carries, Lowered, NodeTraits};

/// The most [`timeline_core::plan::EventExpr`] nodes in all predicates of a compilation: bounds its time and memory.
const MAX_EVENT_NODES: usize = 1 << 20;

/// All programs of a compilation on their way into plans.
pub(crate) struct Lowering<'a> {
    programs: &'a [ProgramText],
    sink: &'a mut Diagnostics,
    sources: Vec<SourceEntry>,
    /// What the nodes of the sources go into; the `source` of a node is an index here.
    groups: Vec<SourceGroup>,
    /// Which sources share a group.
    joins: &'a Joins,
    modules: &'a dyn Modules,
    /// Sources that expressions join although they have no group in common.
    found: Joins,
    /// Every output of all programs so far, under its name.
    outputs: BTreeMap<String, output::DefinedOutput>,
    /// Those that are not produced, though later programs may speak of them.
    silent: BTreeMap<String, output::DefinedOutput>,
    /// The program that is being lowered.
    file: usize,
    text: &'a str,
    /// The names that it has defined so far.
    scope: BTreeMap<String, Binding>,
    /// The operators that it declares.
    operators: BTreeMap<String, user::KnownOperator>,
    /// The tables that it declares.
    tables: BTreeMap<String, table::KnownTable>,
    /// The names that it defines further below.
    below: BTreeMap<String, Span>,
    /// The sources that it can name.
    visible: Vec<usize>,
    /// The group with which a clock goes in the definition that is being lowered.
    clock: Option<usize>,
    /// Definitions of which only a clock is asked.
    clocks: BTreeMap<String, Expr>,
    event_nodes: usize,
    /// In how many `at` and `filter` the expression stands.
    inside: usize,
    /// What every expression turned out to be, where somebody wants to know.
    seen: Option<Vec<(Span, Lowered)>>,
}

/// What a name stands for.
struct Binding {
    span: Span,
    value: Lowered,
    what: &'static str,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(
        programs: &'a [ProgramText],
        joins: &'a Joins,
        modules: &'a dyn Modules,
        sink: &'a mut Diagnostics,
    ) -> Self {
        Lowering {
            programs,
            sink,
            sources: vec![],
            groups: vec![],
            joins,
            modules,
            found: Joins::default(),
            outputs: BTreeMap::new(),
            silent: BTreeMap::new(),
            file: 0,
            text: "",
            scope: BTreeMap::new(),
            operators: BTreeMap::new(),
            tables: BTreeMap::new(),
            below: BTreeMap::new(),
            visible: vec![],
            clock: None,
            clocks: BTreeMap::new(),
            event_nodes: 0,
            inside: 0,
            seen: None,
        }
    }

    /// Takes one more program in.
    pub(crate) fn program(&mut self, file: usize, tree: &ProgramSyntax) {
        self.file = file;
        self.text = &self.programs[file].text;
        self.scope = BTreeMap::new();
        self.clocks = BTreeMap::new();
        self.operators = BTreeMap::new();
        self.tables = BTreeMap::new();
        self.below = BTreeMap::new();
        for item in &tree.items {
            if let Item::Let(d) | Item::Metric(d) | Item::Alert(d) = item {
                self.below.insert(d.name.text.clone(), d.name.span);
            }
        }
        self.visible = vec![];
        let declares = tree.items.iter().any(|item| matches!(item, Item::Source(_)));
        for item in &tree.items {
            match item {
                Item::Source(source) => self.declare_source(source),
                Item::Operator(operator) => self.declare_operator(operator),
                Item::Table(table) => self.declare_table(table),
                Item::Let(_) | Item::Metric(_) | Item::Alert(_) => {}
            }
        }
        if !declares {
            // A program without sources of its own speaks of those that other programs declare.
            let name = |i: usize| &self.sources[i].name;
            self.visible =
                (0..self.sources.len()).filter(|i| (0..*i).all(|earlier| name(earlier) != name(*i))).collect();
            if let (true, Some(first)) = (
                self.visible.is_empty(),
                tree.items.iter().find(|item| !matches!(item, Item::Operator(_) | Item::Table(_))),
            ) {
                let (Item::Let(d) | Item::Metric(d) | Item::Alert(d)) = first else { return };
                let message = "no source is declared";
                let help = "begin with `source NAME { key COLUMN  time COLUMN in ms  COLUMN: TYPE ... }`";
                self.error(codes::NO_SOURCE, d.span, message, help);
                return;
            }
        }
        for item in &tree.items {
            match item {
                Item::Source(_) | Item::Operator(_) | Item::Table(_) => {}
                Item::Let(d) => self.define_let(d),
                Item::Metric(d) => self.define_metric(d),
                Item::Alert(d) => self.define_alert(d),
            }
        }
    }

    fn lower_unseen(&mut self, e: &Expr) -> Lowered {
        match &e.kind {
            ExprKind::Error | ExprKind::Literal(Literal::Bad) => Lowered::Error,
            ExprKind::Literal(literal) => Lowered::Literal(literal.clone()),
            ExprKind::Path(path) => self.path(e.span, path),
            ExprKind::Column(name) => self.column(name.span, &name.text),
            ExprKind::Call { name, arguments } => self.call(e.span, name, arguments),
            ExprKind::Lookup { table, key, column } => self.lookup(e.span, table, key, column.as_ref()),
            ExprKind::Not(inner) => self.not(e.span, inner),
            ExprKind::Negate(inner) => self.negate(e.span, inner),
            ExprKind::Logic(logic, operands) => self.logic(e.span, *logic, operands),
            ExprKind::In(of, list) => self.one_of(e.span, of, list),
            ExprKind::Compare(compare, left, right) => self.compare(e.span, *compare, left, right),
            ExprKind::Arithmetic(first, rest) => self.arithmetic(first, rest),
            ExprKind::OverLast(of, window) => self.over_last(e.span, of, window),
            ExprKind::ScopeBy(of, by) => self.scope_by(e.span, of, by),
            ExprKind::During(clause) => self.during(e.span, clause),
            ExprKind::SplitBy(of, ..) => {
                self.lower_plain(of);
                let message = "`split by` stands only at the outside of a metric";
                let help = "define a `metric` with this split; its name stands for the timeline before the split";
                self.error(codes::SPLIT, e.span, message, help)
            }
            // Only among the dimensions of a split, which knows the source.
            ExprKind::Every(_) => Lowered::Error,
        }
    }

    /// Adds a node, or says why the plan cannot hold it.
    fn add(&mut self, source: usize, op: Op, span: Span) -> Lowered {
        let entry = &mut self.groups[source];
        match entry.builder.add(op) {
            Ok(id) => {
                if id.index() == entry.facts.len() {
                    let plan = entry.builder.plan();
                    let node = plan.node(id);
                    let facts = NodeTraits::of(node);
                    let carries = match &node.op {
                        Op::At { of, .. } => match plan.node(*of).kind {
                            TimelineKind::Number(Unit::Duration) | TimelineKind::Ratio(RatioUnit::Duration) => {
                                Carries::Durations
                            }
                            TimelineKind::Number(Unit::Instant) => Carries::Instants,
                            _ => Carries::Plain,
                        },
                        Op::TimeOf { .. } => Carries::Instants,
                        Op::Filter { event, .. } => entry.facts[event.index()].carries,
                        _ => Carries::Plain,
                    };
                    entry.facts.push(NodeTraits { carries, ..facts });
                }
                Lowered::Node { source, id }
            }
            Err(error) => self.build_error(error, span),
        }
    }

    fn build_error(&mut self, error: BuildError, span: Span) -> Lowered {
        let (code, help) = match error {
            BuildError::Kinds { .. } => (codes::TYPE, "compare or convert the parts first"),
            BuildError::Quadratic { .. } => (codes::QUADRATIC, "one side must change in steps"),
            BuildError::Window => (codes::WINDOW, "write a positive duration, for example `5s`"),
            BuildError::TooManyColumns | BuildError::TooManyNodes => {
                (codes::TOO_LARGE, "drop queries that are not needed, or run them in another processor")
            }
        };
        self.error(code, span, error.to_string(), help)
    }

    fn kind(&self, source: usize, id: NodeId) -> TimelineKind {
        self.groups[source].builder.plan().node(id).kind
    }

    fn op(&self, source: usize, id: NodeId) -> &Op {
        &self.groups[source].builder.plan().node(id).op
    }

    fn facts(&self, source: usize, id: NodeId) -> NodeTraits {
        self.groups[source].facts[id.index()]
    }

    /// The type of a value, as messages say it.
    fn describe(&self, value: &Lowered) -> String {
        match value {
            Lowered::Event(e) => TimelineKind::Event(e.ty).to_string(),
            Lowered::Mixed(mixed) => TimelineKind::Event(mixed.ty).to_string(),
            Lowered::Node { source, id } => match self.facts(*source, *id).carries.name() {
                Some(name) => format!("event<{name}>"),
                None => self.kind(*source, *id).to_string(),
            },
            Lowered::Literal(literal) => constant::describe(literal).to_owned(),
            Lowered::Error => "an error".to_owned(),
        }
    }

    fn diagnostic(&self, code: DiagnosticCode, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.file, span.range(), message)
    }

    /// Says a mistake.
    fn error(
        &mut self,
        code: DiagnosticCode,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Lowered {
        let d = self.diagnostic(code, span, message).help(help);
        self.say(d)
    }

    fn say(&mut self, diagnostic: Diagnostic) -> Lowered {
        self.sink.push(diagnostic);
        Lowered::Error
    }
}
