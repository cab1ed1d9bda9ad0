//! What an expression lowers to.

use super::mixed::MixedValue;
use crate::syntax::Literal;
use std::cell::OnceCell;
use std::rc::Rc;
use timeline_core::Type;
use timeline_core::plan::{EventExpr, Node, NodeId};

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

/// What the payloads of an event are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Carries {
    /// What their type says.
    Plain,
    /// Durations, as their nanoseconds.
    Durations,
    /// Instants, as theirs.
    Instants,
}

impl Carries {
    /// What these are called, if they are more than their type says.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Carries::Plain => None,
            Carries::Durations => Some("duration"),
            Carries::Instants => Some("instant"),
        }
    }
}

/// What is known of a node beside its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NodeTraits {
    /// The number changes with time alone.
    pub(super) moves: bool,
    /// The number accumulates from 0 at the beginning of the session.
    pub(super) cumulative: bool,
    /// The number is the same at all times.
    pub(super) constant: bool,
    /// What the payloads of an event are beyond their type.
    pub(super) carries: Carries,
}

impl NodeTraits {
    /// The facts of a node, but for what its payloads are.
    pub(super) fn of(node: &Node) -> NodeTraits {
        let Node { op, kind: _, fingerprint: _, moves, is_cumulative } = node;
        NodeTraits { moves: *moves, cumulative: *is_cumulative, constant: op.is_constant(), carries: Carries::Plain }
    }
}
