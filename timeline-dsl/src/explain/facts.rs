//! What is said of each node, in whatever form.

use super::SessionSize;
use super::operator::{label, operator_text, picture, shown_text};
use super::outputs::outputs;
use timeline_core::Plan;
use timeline_core::plan::{MemoryClass, NodeId, Op, Timer, UserOperator};

/// The facts of a plan.
pub(crate) struct PlanFacts {
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

impl PlanFacts {
    pub(crate) fn of(plan: &Plan, sizes: &SessionSize) -> PlanFacts {
        let mut readers = vec![0; plan.nodes.len()];
        for (_, node) in plan.iter() {
            node.op.inputs().iter().for_each(|id| readers[id.index()] += 1);
        }
        for output in outputs(plan) {
            output.roots.iter().for_each(|id| readers[id.index()] += 1);
        }
        let nodes = plan
            .iter()
            .map(|(id, node)| NodeFacts {
                label: label(plan, id),
                picture: picture(plan, id),
                shown: shown_text(plan, id),
                text: operator_text(plan, id),
                kind: node.kind.to_string(),
                role: if node.op.is_leaf() { "LEAF" } else { "DERIVED" },
                memory: memory(plan, &node.op),
                timer: has_timer(plan, &node.op),
                readers: readers[id.index()],
                bytes: sizes.node_bytes.get(id.index()).copied().unwrap_or(0),
            })
            .collect();
        PlanFacts { session_bytes: sizes.session_bytes, nodes }
    }

    pub(super) fn node(&self, id: NodeId) -> &NodeFacts {
        &self.nodes[id.index()]
    }

    /// Nodes that several others read, constants aside.
    pub(super) fn shared(&self, plan: &Plan) -> usize {
        plan.iter().filter(|(id, node)| self.node(*id).readers > 1 && !node.op.is_constant()).count()
    }
}

/// Whether it changes without an event.
fn has_timer(plan: &Plan, op: &Op) -> bool {
    let moves = |id: NodeId| plan.node(id).moves;
    match op.timer() {
        Timer::Never => false,
        Timer::After(_) | Timer::Only(_) | Timer::Overtaking(_) | Timer::Clock | Timer::Rows => true,
        Timer::Crossing(left, right) => moves(left) || moves(right),
        Timer::Zero(of) => moves(of),
        Timer::OfInput(of) => has_timer(plan, &plan.node(of).op),
    }
}

fn memory(plan: &Plan, op: &Op) -> &'static str {
    match op.describe().memory {
        MemoryClass::Constant => "O(1)",
        MemoryClass::Window => "O(window)",
        MemoryClass::Cap => "O(cap)",
        MemoryClass::Declared => "O(state)",
        MemoryClass::CapOfInput(of) => {
            // Windows of the clock go when they are over: one at a time is kept.
            let is_clock = |id: &NodeId| matches!(plan.node(*id).op, Op::Every(_));
            let by_clock = op.inputs().iter().skip(1).all(is_clock);
            match plan.node(of).op.describe().memory {
                MemoryClass::Window if by_clock => "O(window)",
                MemoryClass::Window => "O(window + cap)",
                MemoryClass::Cap => "O(cap)",
                _ if by_clock => "O(1)",
                MemoryClass::Constant | MemoryClass::CapOfInput(_) | MemoryClass::Declared => "O(cap)",
            }
        }
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
