//! When operators change by themselves, told in one place: for whoever wakes a session, and for whoever asks why it changed.
//!
//! **Invariant:** the match has no wildcard, so a new operator does not compile before it has said what sets its timer.

use super::op::Op;
use crate::Time;

/// When an operator changes although no input does at that instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Never: where it changes, an input does.
    Never,
    /// So long after an event or a turn of its input.
    After(Time),
    /// The same, and never otherwise: what its inputs do at that instant has no part in it.
    Only(Time),
    /// At an instant that was known when an input last took another course: where numbers cross, or one overtakes another.
    Course,
    /// By the clock: nothing has set it.
    Clock,
}

impl Op {
    /// What may change it beside its inputs. Numbers that grow by themselves do not change thereby: they go on as they were.
    pub fn timer(&self) -> Timer {
        match self {
            Op::Latest { ttl: Some(length), .. }
            | Op::HasExistedWithin { window: length, .. }
            | Op::HeldFor { length, .. }
            | Op::OverLast { window: length, .. }
            | Op::CountWithin { window: length, .. } => Timer::After(*length),
            Op::NotFollowedBy { window, .. } => Timer::Only(*window),
            Op::CompareNumbers { .. } | Op::Longest { .. } | Op::Exists(_) => Timer::Course,
            Op::Every { .. } => Timer::Clock,
            Op::Latest { ttl: None, .. }
            | Op::Event(_)
            | Op::Constant(_)
            | Op::HasExisted { .. }
            | Op::DurationWhere { .. }
            | Op::DurationInCurState { .. }
            | Op::CompareStates { .. }
            | Op::Not(_)
            | Op::And(..)
            | Op::Or(..)
            | Op::NumberOf(_)
            | Op::DurationOf(_)
            | Op::ConstantNumber { .. }
            | Op::Add(..)
            | Op::Sub(..)
            | Op::Scale { .. }
            | Op::Ratio { .. }
            | Op::DurationOfPreviousState { .. }
            | Op::Integral { .. }
            | Op::If { .. }
            | Op::Coalesce(..)
            | Op::Apply { .. }
            | Op::Mul(..)
            | Op::Scope { .. }
            | Op::Rise { .. }
            | Op::Fall { .. }
            | Op::Changes { .. }
            | Op::Either(..)
            | Op::At { .. }
            | Op::Each { .. }
            | Op::Filter { .. }
            | Op::FollowedBy { .. }
            | Op::Count { .. }
            | Op::First { .. }
            | Op::IsNew { .. }
            | Op::Previous { .. }
            | Op::Sum { .. }
            | Op::Min { .. }
            | Op::Max { .. }
            | Op::TimeSince { .. }
            | Op::Concurrency { .. }
            // Windows under a split turn where the window that it reads does.
            | Op::Split { .. }
            | Op::User { .. } => Timer::Never,
        }
    }
}
