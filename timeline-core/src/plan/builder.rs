//! Making a plan, one node at a time.

use super::expression::EventExpr;
use super::encoding;
use super::fingerprint::Fingerprint;
use super::kind::{Kind, RatioUnit, Unit};
use super::names::Names;
use super::op::{NodeId, Op};
use super::output::{Alert, Metric};
use super::scalar::Scalar;
use super::source::{Column, ColumnId, Dedup, EndRule, Source};
use super::user::UserOperator;
use super::{Node, Plan};
use crate::{Type, Value};
use std::collections::HashMap;

/// Builds a plan for one source. Programs that share the source share the builder.
#[derive(Clone, Debug)]
pub struct Builder {
    plan: Plan,
    nodes: HashMap<Op, NodeId>,
    columns: HashMap<(u8, String), ColumnId>,
    /// For each node whether it is a number that changes with time alone.
    moves: Vec<bool>,
}

/// Why a node cannot be part of the plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Inputs of the wrong kind; the front end reports this with its place before it comes here.
    #[error("{op} cannot read {inputs}")]
    Kinds {
        /// The operator.
        op: String,
        /// The kinds of its inputs.
        inputs: String,
    },
    /// A product or an integral that would be no straight line.
    #[error("{op} of numbers that move by themselves is no straight line")]
    Quadratic {
        /// The operator.
        op: &'static str,
    },
    /// A window or length that is not positive.
    #[error("a window must be longer than zero")]
    Window,
    /// More columns than a plan can read.
    #[error("the queries on one source can read at most {} columns", ColumnId::MAX_COLUMNS)]
    TooManyColumns,
    /// More nodes than a plan can hold.
    #[error("the queries on one source can have at most {} distinct operators", NodeId::MAX_NODES)]
    TooManyNodes,
}

impl Builder {
    /// An empty plan for the source.
    pub fn new(source: Source) -> Self {
        Builder {
            plan: Plan {
                source,
                columns: vec![],
                nodes: vec![],
                end: EndRule::default(),
                joined: vec![],
                since: 0,
                dedup: vec![],
                metrics: vec![],
                alerts: vec![],
                names: Names::default(),
            },
            nodes: HashMap::new(),
            columns: HashMap::new(),
            moves: vec![],
        }
    }

    /// The plan so far.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Sets when sessions end.
    pub fn set_end(&mut self, end: EndRule) {
        self.plan.end = end;
    }

    /// Puts another source into the group, whose number is returned; at most [`super::MAX_SOURCES`] make one.
    pub fn join(&mut self, source: Source) -> u8 {
        self.plan.joined.push(source);
        self.plan.joined.len() as u8
    }

    /// Adds a rule of duplicates; its source must have none yet.
    pub fn add_dedup(&mut self, dedup: Dedup) {
        self.plan.dedup.push(dedup);
    }

    /// Gives a node the name that a program has for it, unless it has one, or another node has that.
    pub fn call(&mut self, node: NodeId, name: &str) {
        self.plan.names.give(node, name);
    }

    /// Adds a metric; the name must be new.
    pub fn add_metric(&mut self, metric: Metric) {
        self.plan.metrics.push(metric);
    }

    /// Adds an alert; the name must be new.
    pub fn add_alert(&mut self, alert: Alert) {
        self.plan.alerts.push(alert);
    }

    /// The finished plan.
    pub fn finish(self) -> Plan {
        self.plan
    }

    /// The number of a column, which is from now on read.
    pub fn column(&mut self, column: Column) -> Result<ColumnId, BuildError> {
        let name = (column.source, column.name.clone());
        if let Some(&id) = self.columns.get(&name) {
            return Ok(id);
        }
        if self.plan.columns.len() == ColumnId::MAX_COLUMNS {
            return Err(BuildError::TooManyColumns);
        }
        let id = ColumnId(self.plan.columns.len() as u8);
        self.columns.insert(name, id);
        self.plan.columns.push(column);
        Ok(id)
    }

    /// The node that computes `op`: an existing one of the same meaning, or a new one.
    pub fn add(&mut self, op: Op) -> Result<NodeId, BuildError> {
        let op = self.canonical(op);
        if let Some(&id) = self.nodes.get(&op) {
            return Ok(id);
        }
        let kind = self.kind(&op)?;
        if self.plan.nodes.len() >= NodeId::MAX_NODES {
            return Err(BuildError::TooManyNodes);
        }
        let id = NodeId::new(self.plan.nodes.len());
        let fingerprint: Fingerprint =
            encoding::fingerprint(&op, &self.plan.columns, |input| self.plan.nodes[input.index()].fingerprint);
        let is_number = matches!(kind, Kind::Number(_) | Kind::Ratio(_));
        let inherited = is_number && op.inputs().iter().any(|input| self.moves(*input));
        self.moves.push(op.moves_by_itself() || inherited);
        self.nodes.insert(op.clone(), id);
        self.plan.nodes.push(Node { op, kind, fingerprint });
        Ok(id)
    }

    /// What kind of timeline the operator makes of its inputs.
    fn kind(&self, op: &Op) -> Result<Kind, BuildError> {
        use Kind::{Event, Number, Ratio, State};
        let inputs: Vec<Kind> = op.inputs().iter().map(|id| self.plan.node(*id).kind).collect();
        let kind = match (op, inputs.as_slice()) {
            (Op::Event(e), []) => self.expression_type(e, &[]).map(Event),
            (Op::Constant(v), []) => Some(State(v.ty())),
            (Op::Latest { .. }, [Event(ty)]) => Some(State(*ty)),
            (Op::HasExisted { .. } | Op::HasExistedWithin { .. }, [Event(_) | State(Type::Bool)])
            | (Op::HeldFor { .. } | Op::Not(_), [State(Type::Bool)])
            | (Op::And(..) | Op::Or(..), [State(Type::Bool), State(Type::Bool)]) => Some(State(Type::Bool)),
            (Op::DurationWhere { .. }, [State(Type::Bool)]) | (Op::DurationInCurState { .. }, [State(_)]) => {
                Some(Number(Unit::Duration))
            }
            (Op::CompareStates { .. }, [State(a), State(b)]) if comparable(*a, *b) => Some(State(Type::Bool)),
            (Op::CompareNumbers { .. }, [Number(a), Number(b)]) if a.same_measure(*b) => Some(State(Type::Bool)),
            (Op::CompareNumbers { right, .. }, [Ratio(a), Number(b)])
                if matches!(self.plan.node(*right).op, Op::ConstantNumber { .. })
                    && (*a == RatioUnit::Duration) == (*b == Unit::Duration) =>
            {
                Some(State(Type::Bool))
            }
            (Op::NumberOf(_), [State(Type::Int)]) => Some(Number(Unit::Int)),
            (Op::NumberOf(_), [State(Type::Float)]) => Some(Number(Unit::Float)),
            (Op::ConstantNumber { denominator, unit, .. }, []) if *denominator > 0 => Some(Number(*unit)),
            (Op::Add(..) | Op::Sub(..), [Number(a), Number(b)]) if a.same_measure(*b) => Some(Number(a.joined(*b))),
            (Op::Scale { .. }, [Number(a)]) => Some(Number(*a)),
            (Op::Ratio { .. }, [Number(a), Number(b)]) => RatioUnit::of(*a, *b).map(Ratio),
            (Op::Longest { .. }, [State(Type::Bool)]) | (Op::DurationOfPreviousState { .. }, [State(_)]) => {
                Some(Number(Unit::Duration))
            }
            (
                Op::Integral { .. },
                [Number(Unit::Int | Unit::Float)] | [Number(Unit::Int | Unit::Float), State(Type::Bool)],
            ) => Some(Number(Unit::Area)),
            (Op::If { .. }, [State(Type::Bool), State(a), State(b)]) | (Op::Coalesce(..), [State(a), State(b)])
                if a == b =>
            {
                Some(State(*a))
            }
            (Op::If { .. }, [State(Type::Bool), Number(a), Number(b)]) | (Op::Coalesce(..), [Number(a), Number(b)])
                if a.same_measure(*b) =>
            {
                Some(Number(a.joined(*b)))
            }
            (Op::Concurrency { cap: 1..=Op::MAX_REMEMBERED, .. }, [State(Type::Bool)]) => Some(State(Type::Bool)),
            (Op::Exists(_), [State(_) | Number(_) | Ratio(_)]) => Some(State(Type::Bool)),
            (Op::Every { .. }, []) => Some(State(Type::Int)),
            (Op::Apply { function, of }, kinds) => {
                if of.iter().any(|id| self.moves(*id)) {
                    return Err(BuildError::Quadratic { op: "a function" });
                }
                let types: Option<Vec<Type>> = kinds.iter().map(|kind| kind.stepped()).collect();
                types.and_then(|types| function.result(&types)).map(State)
            }
            (Op::Either(..), [Event(_), Event(_)]) => Some(Event(Type::Bool)),
            (Op::Mul(..), [Number(a), Number(b)]) => product(*a, *b).map(Number),
            (Op::Scope { of, .. }, [Number(a), State(_)]) if self.is_cumulative(*of) => Some(Number(*a)),
            (Op::OverLast { of, .. }, [Number(a)]) if self.is_cumulative(*of) => Some(Number(*a)),
            (Op::Rise { .. } | Op::Fall { .. }, [State(Type::Bool)])
            | (Op::Changes { .. }, [State(_)])
            | (Op::FollowedBy { .. } | Op::NotFollowedBy { .. }, [Event(_), Event(_)]) => Some(Event(Type::Bool)),
            (Op::At { .. }, [Event(_), of]) => of.sampled().map(Event),
            (Op::Each { event, value, .. }, [Event(_), of @ ..]) => self.of_record(*event, value, of).map(Event),
            (Op::Filter { event, condition, .. }, [Event(ty), of @ ..]) => {
                self.of_record(*event, condition, of).filter(|ty| *ty == Type::Bool).map(|_| Event(*ty))
            }
            (Op::DurationOf(_), [State(Type::Int) | Number(Unit::Int)]) => Some(Number(Unit::Duration)),
            (Op::Count { .. } | Op::CountWithin { .. }, [Event(_)]) | (Op::Sum { .. }, [Event(Type::Int)]) => {
                Some(Number(Unit::Int))
            }
            (Op::Sum { .. }, [Event(Type::Float)]) => Some(Number(Unit::Float)),
            (Op::First { .. }, [Event(ty)]) => Some(State(*ty)),
            (Op::IsNew { cap: 1..=Op::MAX_REMEMBERED, .. }, [Event(_)]) => Some(State(Type::Bool)),
            (Op::Previous { n: 1..=Op::MAX_PREVIOUS, .. }, [Event(ty)]) => Some(State(*ty)),
            (Op::Min { .. } | Op::Max { .. }, [Event(ty)]) if ty.is_numeric() => Some(State(*ty)),
            (Op::TimeSince { .. }, [Event(_) | State(Type::Bool)]) => Some(Number(Unit::Duration)),
            (Op::Split { of: id, cap: 1..=Op::MAX_REMEMBERED, .. }, [of @ (Number(_) | Ratio(_)), by @ ..])
                if self.can_split(*id) && self.can_be_dimensions(op) && by.iter().all(|k| matches!(k, State(_))) =>
            {
                Some(*of)
            }
            (Op::Split { of, cap: 1..=Op::MAX_REMEMBERED, .. }, [State(Type::Bool), by @ ..])
                if self.plan.counted_at_once(*of) == Some(*of)
                    && self.can_be_dimensions(op)
                    && by.iter().all(|k| matches!(k, State(_))) =>
            {
                Some(State(Type::Bool))
            }
            (Op::User { operator, of }, inputs) if self.feeds(operator, of, inputs) => Some(State(operator.result)),
            _ => None,
        };
        let kind = kind.ok_or_else(|| BuildError::Kinds {
            op: format!("{op:?}"),
            inputs: inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })?;
        match op {
            Op::Latest { ttl: Some(d), .. }
            | Op::HasExistedWithin { window: d, .. }
            | Op::HeldFor { length: d, .. }
            | Op::OverLast { window: d, .. }
            | Op::Every { length: d }
            | Op::FollowedBy { window: d, .. }
            | Op::NotFollowedBy { window: d, .. }
            | Op::CountWithin { window: d, .. }
                if *d <= 0 =>
            {
                Err(BuildError::Window)
            }
            Op::Mul(a, b) if self.moves(*a) && self.moves(*b) => Err(BuildError::Quadratic { op: "a product" }),
            Op::Integral { of, .. } if self.moves(*of) => Err(BuildError::Quadratic { op: "an integral" }),
            _ => Ok(kind),
        }
    }

    /// One form for operators whose inputs may be exchanged: the smaller fingerprint first.
    fn canonical(&self, op: Op) -> Op {
        let exchange = |a: NodeId, b: NodeId| self.plan.node(a).fingerprint > self.plan.node(b).fingerprint;
        match op {
            // There is one zero among values; decoders see to that for events.
            Op::Constant(Value::Float(x)) => Op::Constant(Value::Float(x + 0.0)),
            Op::Apply { function: Scalar::Exists, of } if of.len() == 1 => Op::Exists(of[0]),
            Op::Event(mut e) => {
                one_zero(&mut e);
                Op::Event(e)
            }
            Op::Each { event, mut value, of } => {
                one_zero(&mut value);
                Op::Each { event, value, of }
            }
            Op::Filter { event, mut condition, of } => {
                one_zero(&mut condition);
                Op::Filter { event, condition, of }
            }
            Op::And(a, b) if exchange(a, b) => Op::And(b, a),
            Op::Or(a, b) if exchange(a, b) => Op::Or(b, a),
            Op::Add(a, b) if exchange(a, b) => Op::Add(b, a),
            Op::Mul(a, b) if exchange(a, b) => Op::Mul(b, a),
            Op::Either(a, b) if exchange(a, b) => Op::Either(b, a),
            Op::CompareStates { compare, left, right } if exchange(left, right) => {
                Op::CompareStates { compare: compare.flipped(), left: right, right: left }
            }
            other => other,
        }
    }

    /// Whether the node is a sum of what is counted up from zero at the start of the session, so that shares of it add up.
    pub fn is_cumulative(&self, id: NodeId) -> bool {
        match &self.plan.node(id).op {
            Op::DurationWhere { .. } | Op::Integral { .. } | Op::Count { .. } | Op::Sum { .. } => true,
            Op::Mul(a, b) => {
                let constant = |id: &NodeId| matches!(self.plan.node(*id).op, Op::ConstantNumber { .. });
                (constant(a) && self.is_cumulative(*b)) || (constant(b) && self.is_cumulative(*a))
            }
            Op::Scale { of, .. } | Op::DurationOf(of) => self.is_cumulative(*of),
            Op::Add(a, b) | Op::Sub(a, b) => self.is_cumulative(*a) && self.is_cumulative(*b),
            _ => false,
        }
    }

    /// Whether the node is a number that changes with time alone.
    pub fn moves(&self, id: NodeId) -> bool {
        self.moves[id.index()]
    }

    /// Whether the node can be charged to dimensions: cumulative, a ratio of such, or such over a window.
    pub fn can_split(&self, id: NodeId) -> bool {
        match &self.plan.node(id).op {
            Op::Ratio { numerator, denominator } => self.is_cumulative(*numerator) && self.is_cumulative(*denominator),
            Op::OverLast { of, .. } => self.is_cumulative(*of),
            _ => self.is_cumulative(id),
        }
    }

    /// Whether a split has dimensions, at most one of which is a clock.
    fn can_be_dimensions(&self, split: &Op) -> bool {
        let Op::Split { by, .. } = split else { return false };
        let is_clock = |id: &&NodeId| matches!(self.plan.node(**id).op, Op::Every { .. });
        !by.is_empty() && by.iter().filter(is_clock).count() <= 1
    }

    /// Whether a user operator can read these nodes, which are of those kinds.
    fn feeds(&self, operator: &UserOperator, of: &[NodeId], kinds: &[Kind]) -> bool {
        let is_record = |id: &NodeId| matches!(self.plan.node(*id).op, Op::Event(_));
        let fits = |(n, kind): (usize, &Kind)| matches!(kind, Kind::Event(ty) if operator.takes(n, *ty));
        !of.is_empty()
            && of.len() == operator.parameters.len()
            && of.iter().all(is_record)
            && kinds.iter().enumerate().all(fits)
    }

    /// The type of an expression over the record behind an event and timelines of those kinds; none if it cannot be made.
    fn of_record(&self, event: NodeId, e: &EventExpr, of: &[Kind]) -> Option<Type> {
        let columns = self.plan.columns.iter().enumerate().filter(|(i, _)| e.columns() >> i & 1 == 1);
        let own = self.plan.record_source(event);
        let all_own = columns.into_iter().all(|(_, column)| own == Some(column.source));
        let of: Vec<Type> = of.iter().map(|kind| kind.sampled()).collect::<Option<_>>()?;
        all_own.then(|| self.expression_type(e, &of))?
    }

    fn expression_type(&self, e: &EventExpr, of: &[Type]) -> Option<Type> {
        let ty = |e: &EventExpr| self.expression_type(e, of);
        match e {
            EventExpr::Column(c) => self.plan.columns.get(c.index()).map(|c| c.ty),
            EventExpr::Constant(v) => Some(v.ty()),
            EventExpr::Sample(n) => of.get(usize::from(*n)).copied(),
            EventExpr::Compare(_, a, b) => comparable(ty(a)?, ty(b)?).then_some(Type::Bool),
            EventExpr::Call(function, all) => {
                let types: Option<Vec<Type>> = all.iter().map(ty).collect();
                function.result(&types?)
            }
            EventExpr::Not(a) => (ty(a)? == Type::Bool).then_some(Type::Bool),
            EventExpr::And(a, b) | EventExpr::Or(a, b) => {
                (ty(a)? == Type::Bool && ty(b)? == Type::Bool).then_some(Type::Bool)
            }
        }
    }
}

fn comparable(a: Type, b: Type) -> bool {
    a == b || (a.is_numeric() && b.is_numeric())
}

/// Makes the negative zero among an expression's constants the other one.
fn one_zero(e: &mut EventExpr) {
    match e {
        EventExpr::Constant(Value::Float(x)) => *x += 0.0,
        EventExpr::Column(_) | EventExpr::Constant(_) | EventExpr::Sample(_) => {}
        EventExpr::Not(a) => one_zero(a),
        EventExpr::Compare(_, a, b) | EventExpr::And(a, b) | EventExpr::Or(a, b) => {
            one_zero(a);
            one_zero(b);
        }
        EventExpr::Call(_, all) => all.iter_mut().for_each(one_zero),
    }
}

/// The unit of a product. A duration times a float is no whole number of nanoseconds: a float times seconds.
fn product(a: Unit, b: Unit) -> Option<Unit> {
    match (a, b) {
        (Unit::Int, Unit::Int) => Some(Unit::Int),
        (Unit::Int | Unit::Float, Unit::Int | Unit::Float) => Some(Unit::Float),
        (Unit::Duration, Unit::Int) | (Unit::Int, Unit::Duration) => Some(Unit::Duration),
        (Unit::Duration | Unit::Area, Unit::Float) | (Unit::Float, Unit::Duration | Unit::Area) => Some(Unit::Area),
        (Unit::Area, Unit::Int) | (Unit::Int, Unit::Area) => Some(Unit::Area),
        (Unit::Duration | Unit::Area, Unit::Duration | Unit::Area) => None,
    }
}
