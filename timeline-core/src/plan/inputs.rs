//! The nodes that an operator reads.

use super::op::{NodeId, Op};

/// Told once, whether they are to be read or to be changed.
macro_rules! inputs {
    ($op:expr) => {
        match $op {
            Op::Event(_) | Op::Constant(_) | Op::ConstantNumber { .. } | Op::Every { .. } => vec![],
            Op::Latest { of, .. }
            | Op::HasExisted { of }
            | Op::HasExistedWithin { of, .. }
            | Op::HeldFor { of, .. }
            | Op::DurationWhere { of }
            | Op::DurationInCurState { of }
            | Op::Not(of)
            | Op::NumberOf(of)
            | Op::Exists(of)
            | Op::DurationOf(of)
            | Op::Scale { of, .. }
            | Op::Longest { of }
            | Op::Concurrency { of, .. }
            | Op::DurationOfPreviousState { of }
            | Op::Rise { of }
            | Op::Fall { of }
            | Op::Changes { of }
            | Op::Count { of }
            | Op::CountWithin { of, .. }
            | Op::First { of }
            | Op::Previous { of, .. }
            | Op::IsNew { of, .. }
            | Op::Sum { of }
            | Op::Min { of }
            | Op::Max { of }
            | Op::TimeSince { of }
            | Op::OverLast { of, .. } => vec![of],
            Op::At { event, of } => vec![event, of],
            Op::Each { event, of, .. } | Op::Filter { event, of, .. } => std::iter::once(event).chain(of).collect(),
            Op::FollowedBy { first, then, .. } | Op::NotFollowedBy { first, then, .. } => vec![first, then],
            Op::CompareStates { left, right, .. } | Op::CompareNumbers { left, right, .. } => vec![left, right],
            Op::Integral { of, over } => std::iter::once(of).chain(over).collect(),
            Op::If { condition, then, otherwise } => vec![condition, then, otherwise],
            Op::Scope { of, by } => vec![of, by],
            Op::And(a, b) | Op::Or(a, b) | Op::Add(a, b) | Op::Sub(a, b) => vec![a, b],
            Op::Mul(a, b) | Op::Coalesce(a, b) | Op::Either(a, b) => vec![a, b],
            Op::Apply { of, .. } => of.into_iter().collect(),
            Op::Ratio { numerator, denominator } => vec![numerator, denominator],
            Op::Split { of, by, .. } => std::iter::once(of).chain(by).collect(),
            Op::User { of, .. } => of.into_iter().collect(),
        }
    };
}

impl Op {
    /// The nodes that it reads, in order.
    pub fn inputs(&self) -> Vec<NodeId> {
        let all: Vec<&NodeId> = inputs!(self);
        all.into_iter().copied().collect()
    }

    /// The same, to put others in their places.
    pub fn inputs_mut(&mut self) -> Vec<&mut NodeId> {
        inputs!(self)
    }
}
