//! What an expression lowers to.

use super::mixed::MixedValue;
use crate::syntax::Literal;
use std::cell::OnceCell;
use std::rc::Rc;
use timeline_core::Type;
use timeline_core::plan::{EventExpr, NodeId, Op};

/// A lowered expression.
#[derive(Clone, Debug)]
pub(super) enum Lowered {
    /// Over bare columns: speaks of one event, and becomes a node where an operator reads it.
    Event(Rc<EventValue>),
    /// A timeline.
    Node {
        /// Index of its group of sources.
        source: usize,
        /// The node in that group's plan.
        id: NodeId,
    },
    /// Columns beside timelines: what `at` and `filter` take beside their event.
    Mixed(Rc<MixedValue>),
    /// A constant, of no source; becomes a node beside a timeline.
    Literal(Literal),
    /// A mistake that has been said.
    Error,
}

/// An expression over the columns of one event.
#[derive(Debug)]
pub(super) struct EventValue {
    /// Index of the source, of which the event is one: columns of two are never in one event.
    pub(super) source: usize,
    pub(super) expr: EventExpr,
    pub(super) ty: Type,
    /// Number of [`EventExpr`] nodes in it.
    pub(super) size: usize,
    /// How deep they nest.
    pub(super) depth: usize,
    /// Its node, once something has read it.
    pub(super) node: OnceCell<NodeId>,
}

impl EventValue {
    /// The most nodes in one predicate.
    pub(super) const MAX_SIZE: usize = 4096;
    /// How deep the nodes of one predicate may nest.
    pub(super) const MAX_DEPTH: usize = 128;
}

/// What is known of a node beside its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// The number changes with time alone.
    pub(super) moves: bool,
    /// The number accumulates from 0 at the beginning of the session.
    pub(super) cumulative: bool,
    /// The number is the same at all times.
    pub(super) constant: bool,
    /// The event carries durations, as their nanoseconds.
    pub(super) durations: bool,
}

impl Facts {
    /// The facts of an operator from those of the nodes before it.
    pub(super) fn of(op: &Op, known: &[Facts]) -> Facts {
        let inputs: Vec<Facts> = op.inputs().iter().map(|id| known[id.index()]).collect();
        let moves = inputs.iter().any(|f| f.moves);
        let all_cumulative = !inputs.is_empty() && inputs.iter().all(|f| f.cumulative);
        match op {
            Op::DurationWhere { .. } | Op::Integral { .. } => {
                Facts { moves: true, cumulative: true, ..Facts::default() }
            }
            Op::Count { .. } | Op::Sum { .. } => Facts { cumulative: true, ..Facts::default() },
            op if op.moves_by_itself() => Facts { moves: true, ..Facts::default() },
            Op::ConstantNumber { .. } | Op::Constant(_) => Facts { constant: true, ..Facts::default() },
            Op::Add(..) | Op::Sub(..) | Op::Scale { .. } | Op::DurationOf(_) => {
                Facts { moves, cumulative: all_cumulative, ..Facts::default() }
            }
            // A multiple by a constant.
            Op::Mul(..) => {
                let cumulative = inputs.iter().any(|f| f.cumulative) && inputs.iter().any(|f| f.constant);
                Facts { moves, cumulative, ..Facts::default() }
            }
            Op::If { .. } | Op::Coalesce(..) | Op::Scope { .. } => Facts { moves, ..Facts::default() },
            Op::Ratio { .. } | Op::OverLast { .. } | Op::Split { .. } => Facts { moves, ..Facts::default() },
            _ => Facts::default(),
        }
    }
}
