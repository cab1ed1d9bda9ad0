//! Making a plan, one node at a time.

use super::description::{Cumulative, Parameter, Straight};
use super::encoding;
use super::every::Every;
use super::expression::EventExpr;
use super::fingerprint::Fingerprint;
use super::kind::TimelineKind;
use super::made::Made;
use super::names::NodeNames;
use super::op::{NodeId, Op};
use super::output::{Alert, Metric};
use super::scalar::Scalar;
use super::source::{ColumnId, Dedup, EndRule, SourceColumn, SourceDefinition};
use super::{Node, Plan};
use crate::Value;
use std::collections::HashMap;

/// Builds a plan for one source. Programs that share the source share the builder.
#[derive(Clone, Debug)]
pub struct PlanBuilder {
    plan: Plan,
    nodes: HashMap<Op, NodeId>,
    columns: HashMap<(u8, String), ColumnId>,
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

impl PlanBuilder {
    /// An empty plan for the source.
    pub fn new(source: SourceDefinition) -> Self {
        PlanBuilder {
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
                names: NodeNames::default(),
            },
            nodes: HashMap::new(),
            columns: HashMap::new(),
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
    pub fn join(&mut self, source: SourceDefinition) -> u8 {
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
    pub fn column(&mut self, column: SourceColumn) -> Result<ColumnId, BuildError> {
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
        let inputs = op.inputs();
        let description = op.describe();
        let is_number = matches!(kind, TimelineKind::Number(_) | TimelineKind::Ratio(_));
        let moves = description.moves || (is_number && inputs.iter().any(|input| self.moves(*input)));
        let is_cumulative = match description.cumulative {
            Cumulative::Never => false,
            Cumulative::Always => true,
            Cumulative::WithInputs => inputs.iter().all(|input| self.is_cumulative(*input)),
            Cumulative::TimesConstant => {
                let constant = |id: &NodeId| matches!(self.plan.node(*id).op, Op::ConstantNumber { .. });
                inputs.iter().any(constant) && inputs.iter().any(|input| self.is_cumulative(*input))
            }
        };
        self.nodes.insert(op.clone(), id);
        self.plan.nodes.push(Node { op, kind, fingerprint, moves, is_cumulative });
        Ok(id)
    }

    /// An event as a metric has it, made where the states of its instant are known: one of records is noted until then.
    pub fn matches(&mut self, event: NodeId) -> Result<NodeId, BuildError> {
        if !self.plan.node(event).op.is_leaf() {
            return Ok(event);
        }
        self.add(Op::all_of(event))
    }

    /// What kind of timeline the operator makes of its inputs.
    fn kind(&self, op: &Op) -> Result<TimelineKind, BuildError> {
        let description = op.describe();
        let read = op.inputs();
        let moving = read.iter().filter(|input| self.moves(**input)).count();
        match description.straight {
            Straight::WhereNoneMoves(op) if moving > 0 => return Err(BuildError::Quadratic { op }),
            Straight::WhereOneMoves(op) if moving > 1 => return Err(BuildError::Quadratic { op }),
            Straight::Always | Straight::WhereNoneMoves(_) | Straight::WhereOneMoves(_) => {}
        }
        let inputs: Vec<TimelineKind> = read.iter().map(|id| self.plan.node(*id).kind).collect();
        let kind = op.kind(&Made { plan: &self.plan, inputs: &inputs }).ok_or_else(|| BuildError::Kinds {
            op: format!("{op:?}"),
            inputs: inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })?;
        let is_empty = |parameter: &Parameter<'_>| match parameter {
            Parameter::Window(length)
            | Parameter::Ttl(Some(length))
            | Parameter::Windows(Every::Length { length, .. }) => *length <= 0,
            Parameter::Ttl(None)
            | Parameter::Windows(Every::Calendar { .. })
            | Parameter::Hours(_)
            | Parameter::Whole(_)
            | Parameter::Word(_)
            | Parameter::Unit(_)
            | Parameter::Value(_)
            | Parameter::Expression(_)
            | Parameter::Operator(_)
            | Parameter::Table(_) => false,
        };
        if description.parameters.iter().any(is_empty) { Err(BuildError::Window) } else { Ok(kind) }
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
            Op::During(mut hours) => {
                hours.hours.sort_unstable();
                hours.hours.dedup();
                Op::During(hours)
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
        self.plan.node(id).is_cumulative
    }

    /// Whether the node is a number that changes with time alone.
    pub fn moves(&self, id: NodeId) -> bool {
        self.plan.node(id).moves
    }

    /// Whether the node can be charged to dimensions: cumulative, a ratio of such, or such over a window.
    pub fn can_split(&self, id: NodeId) -> bool {
        self.plan.can_split(id)
    }
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
        EventExpr::Call(_, all) | EventExpr::Lookup(_, all) => all.iter_mut().for_each(one_zero),
    }
}
