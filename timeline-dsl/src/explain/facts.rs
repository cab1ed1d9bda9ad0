//! What is said of each node, in whatever form.

use super::Sizes;
use super::operator::{label, operator_text, picture, shown_text};
use super::outputs::outputs;
use timeline_core::Plan;
use timeline_core::plan::{NodeId, Op, Timer, UserOperator};

/// The facts of a plan.
pub(crate) struct Facts {
    /// Bytes of one session.
    pub(super) session_bytes: usize,
    /// By the index of the node.
    pub(crate) nodes: Vec<NodeFacts>,
}

/// The facts of a node.
pub(crate) struct NodeFacts {
    /// The operator with its inputs left out.
    pub(super) label: String,
    /// The same as pictures show it, with names.
    pub(super) picture: String,
    /// The node by its name, or as an expression of names.
    pub(super) shown: String,
    /// The operator with its inputs.
    pub(super) text: String,
    /// `event<string>`, `duration` ...
    pub(super) kind: String,
    /// `LEAF` or `DERIVED`.
    pub(super) role: &'static str,
    /// How its state grows.
    pub(crate) memory: &'static str,
    /// Whether it changes without an event, so that a session must be woken for it.
    pub(crate) timer: bool,
    /// How many nodes, outputs and end rules read it.
    pub(super) readers: usize,
    /// Of one session.
    pub(super) bytes: usize,
}

impl Facts {
    pub(crate) fn of(plan: &Plan, sizes: &Sizes) -> Facts {
        let mut readers = vec![0; plan.nodes.len()];
        for (_, node) in plan.iter() {
            node.op.inputs().iter().for_each(|id| readers[id.index()] += 1);
        }
        for output in outputs(plan) {
            output.roots.iter().for_each(|id| readers[id.index()] += 1);
        }
        let moves = moving(plan);
        let nodes = plan
            .iter()
            .map(|(id, node)| NodeFacts {
                label: label(plan, id),
                picture: picture(plan, id),
                shown: shown_text(plan, id),
                text: operator_text(plan, id),
                kind: node.kind.to_string(),
                role: if node.op.inputs().is_empty() { "LEAF" } else { "DERIVED" },
                memory: memory(plan, &node.op),
                timer: match (node.op.timer(), &node.op) {
                    (Timer::Course, Op::Longest { .. }) => true,
                    (Timer::Course, op) => op.inputs().iter().any(|id| moves[id.index()]),
                    (Timer::After(_) | Timer::Only(_) | Timer::Clock, _) => true,
                    (Timer::Never, Op::Split { of, .. }) => matches!(plan.node(*of).op, Op::OverLast { .. }),
                    (Timer::Never, _) => false,
                },
                readers: readers[id.index()],
                bytes: sizes.node_bytes.get(id.index()).copied().unwrap_or(0),
            })
            .collect();
        Facts { session_bytes: sizes.session_bytes, nodes }
    }

    pub(super) fn node(&self, id: NodeId) -> &NodeFacts {
        &self.nodes[id.index()]
    }

    /// Nodes that several others read, constants aside.
    pub(super) fn shared(&self, plan: &Plan) -> usize {
        plan.iter().filter(|(id, node)| self.node(*id).readers > 1 && !is_constant(&node.op)).count()
    }
}

/// Constants are written where they are used and are no workers of their own.
pub(super) fn is_constant(op: &Op) -> bool {
    matches!(op, Op::Constant(_) | Op::ConstantNumber { .. })
}

/// Which numbers change with time alone.
fn moving(plan: &Plan) -> Vec<bool> {
    let mut moves: Vec<bool> = vec![];
    for (_, node) in plan.iter() {
        let inherits = matches!(node.kind, timeline_core::plan::Kind::Number(_) | timeline_core::plan::Kind::Ratio(_));
        let inherited = inherits && node.op.inputs().iter().any(|id| moves[id.index()]);
        moves.push(node.op.moves_by_itself() || inherited);
    }
    moves
}

fn memory(plan: &Plan, op: &Op) -> &'static str {
    match op {
        Op::OverLast { .. } | Op::CountWithin { .. } | Op::NotFollowedBy { .. } => "O(window)",
        Op::IsNew { .. } | Op::Concurrency { .. } => "O(cap)",
        Op::User { .. } => "O(state)",
        Op::Split { of, by, .. } => {
            let is_clock = |id: &NodeId| matches!(plan.node(*id).op, Op::Every { .. });
            let is_windowed = matches!(plan.node(*of).op, Op::OverLast { .. });
            let counts = matches!(plan.node(*of).op, Op::Concurrency { .. });
            match (is_windowed, by.iter().all(is_clock) && !counts) {
                (true, true) => "O(window)",
                (true, false) => "O(window + cap)",
                (false, true) => "O(1)",
                (false, false) => "O(cap)",
            }
        }
        _ => "O(1)",
    }
}

/// The user operators of a plan, each once.
pub(super) fn user_operators(plan: &Plan) -> Vec<&UserOperator> {
    let mut all: Vec<&UserOperator> = vec![];
    for node in &plan.nodes {
        if let Op::User { operator, .. } = &node.op
            && !all.iter().any(|known| **known == **operator)
        {
            all.push(operator);
        }
    }
    all
}
