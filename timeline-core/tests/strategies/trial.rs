//! Operators that are tried with a line each: how a random plan makes one, and what it says, instant by instant.
//!
//! The second is a definition of its own: it reads nothing but what the inputs say at whole nanoseconds, at which everything
//! changes, and shares no interval arithmetic with the evaluators.

use super::tables;
use timeline_core::plan::{Kind, NodeId, Op};
use timeline_core::{Time, Type, Value};

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Trial {
    /// What its inputs are.
    pub(crate) takes: &'static [Takes],
    /// The operator over such nodes, with a length.
    pub(crate) makes: fn(&[NodeId], Time) -> Op,
    /// What it says at an instant, if it is this one.
    pub(crate) says: fn(&Op, &dyn Instants, Time) -> Option<Option<Value>>,
}

/// What an input is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Takes {
    /// A `state<bool>`.
    Condition,
    /// A state of any type.
    State,
    /// A state of that type.
    Of(Type),
}

impl Takes {
    pub(crate) fn fits(self, kind: Kind) -> bool {
        match self {
            Takes::Condition => kind == Kind::State(Type::Bool),
            Takes::State => matches!(kind, Kind::State(_)),
            Takes::Of(ty) => kind == Kind::State(ty),
        }
    }
}

/// What a definition may ask.
pub(crate) trait Instants {
    /// The first instant of the session.
    fn origin(&self) -> Time;
    /// The value of a state.
    fn state(&self, id: NodeId, t: Time) -> Option<Value>;
    /// The truth of a condition.
    fn truth(&self, id: NodeId, t: Time) -> Option<bool>;
}

/// All of them.
pub(crate) const TRIALS: &[Trial] = &[
    Trial {
        takes: &[Takes::Condition, Takes::Condition],
        makes: |of, _| Op::Since { held: of[0], begun: of[1] },
        says: |op, at, t| {
            let Op::Since { held, begun } = op else { return None };
            let last = (at.origin()..=t).rev().find(|u| at.truth(*begun, *u) == Some(true));
            let holds = last.is_some_and(|last| (last..=t).all(|u| at.truth(*held, u) == Some(true)));
            Some(Some(Value::Bool(holds)))
        },
    },
    Trial {
        takes: &[Takes::State],
        makes: |of, length| Op::Delayed { of: of[0], length },
        says: |op, at, t| {
            let Op::Delayed { of, length } = op else { return None };
            let past = t - length;
            Some(if past >= at.origin() { at.state(*of, past) } else { None })
        },
    },
    Trial {
        takes: &[Takes::Of(Type::String)],
        makes: |of, number| Op::Lookup { column: tables::column(number, &[Type::String]), of: of.to_vec() },
        says: looked_up,
    },
    Trial {
        takes: &[Takes::Of(Type::String), Takes::Of(Type::Bool)],
        makes: |of, number| Op::Lookup { column: tables::column(number, &[Type::String, Type::Bool]), of: of.to_vec() },
        says: looked_up,
    },
];

/// What a table says, whatever its key.
fn looked_up(op: &Op, at: &dyn Instants, t: Time) -> Option<Option<Value>> {
    let Op::Lookup { column, of } = op else { return None };
    let key: Vec<Option<Value>> = of.iter().map(|id| at.state(*id, t)).collect();
    Some(tables::says(column, &key, t))
}
