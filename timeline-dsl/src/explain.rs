//! A plan shown to people: the tree of leaf and derived workers, as text, as a graph for Graphviz, as a picture, or as JSON.
//!
//! A worker is drawn once, where it is first needed, and referred to by its number wherever else it is used.

mod graph;
mod operator;
mod tree;

pub use operator::operator_text;

use timeline_core::plan::{Kind, NodeId, Op, Plan};

/// How large things are; `timeline_core::incremental::Layout` knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of a session's row.
    pub session_bytes: usize,
    /// Bytes of each node, by its number.
    pub node_bytes: Vec<usize>,
}

/// How a plan is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A tree of lines.
    Text,
    /// Graphviz.
    Dot,
    /// A picture.
    Svg,
    /// For programs.
    Json,
}

/// Draws the plan.
pub fn explain(plan: &Plan, sizes: &Sizes, format: Format) -> String {
    match format {
        Format::Text => tree::text(plan, sizes),
        Format::Json => graph::json(plan, sizes),
        Format::Dot => graph::dot(plan),
        Format::Svg => graph::svg(plan),
    }
}

/// What a worker is, beside its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Whether it reads events.
    pub leaf: bool,
    /// Whether it can change without an event.
    pub timer: bool,
    /// How its state grows.
    pub memory: &'static str,
    /// How many workers and outputs read it.
    pub users: usize,
}

pub(crate) fn facts(plan: &Plan, id: NodeId) -> Facts {
    let op = &plan.node(id).op;
    let readers = plan.nodes.iter().filter(|node| node.op.inputs().contains(&id)).count();
    let roots = plan.metrics.iter().map(|m| m.root).chain(plan.alerts.iter().map(|a| a.root)).chain(plan.end.when);
    Facts {
        leaf: matches!(op, Op::Event(_)) || op.inputs().iter().any(|input| matches!(plan.node(*input).kind, Kind::Event(_))),
        timer: match op {
            Op::Latest { ttl, .. } => ttl.is_some(),
            Op::HasExistedWithin { .. } | Op::HeldFor { .. } | Op::OverLast { .. } => true,
            Op::CompareNumbers { left, right, .. } => moves(plan, *left) || moves(plan, *right),
            _ => false,
        },
        memory: match op {
            Op::OverLast { .. } => "O(window)",
            Op::Split { of, .. } if matches!(plan.node(*of).op, Op::OverLast { .. }) => "O(window)",
            Op::Split { .. } => "O(values)",
            _ => "O(1)",
        },
        users: readers + roots.filter(|root| *root == id).count(),
    }
}

/// Whether a number changes by itself as time passes.
fn moves(plan: &Plan, id: NodeId) -> bool {
    match &plan.node(id).op {
        Op::DurationWhere { .. } | Op::DurationInCurState { .. } => true,
        Op::NumberOf(_) => false,
        other => other.inputs().iter().any(|input| moves(plan, *input)),
    }
}

/// Outputs with their names, in the order of the programs, and the end rule's predicate.
pub(crate) fn outputs(plan: &Plan) -> Vec<(String, NodeId)> {
    let metrics = plan.metrics.iter().map(|metric| (format!("metric {}", metric.name), metric.root));
    let alerts = plan.alerts.iter().map(|alert| (format!("alert {}", alert.name), alert.root));
    let end = plan.end.when.iter().map(|id| ("end of session".to_owned(), *id));
    metrics.chain(alerts).chain(end).collect()
}
