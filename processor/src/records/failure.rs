//! User operators that failed.

use compact_str::CompactString;
use event_feeder::{DeadLetter, Position, RecordCode};
use timeline_core::incremental::OperatorFailure;
use timeline_core::plan::{Op, Plan};

/// A user operator that failed in a session, of which it says nothing from then on.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedOperator {
    /// The session's key.
    pub key: CompactString,
    /// Where the record begins on which it failed.
    pub position: Position,
    /// Which one, and why.
    pub failure: OperatorFailure,
}

impl FailedOperator {
    /// As the dead letters have it.
    pub fn letter(&self, plan: &Plan) -> DeadLetter {
        let operator = match &plan.node(self.failure.node).op {
            Op::User { operator, .. } => operator.name.as_str(),
            _ => "?",
        };
        DeadLetter {
            origin: plan.source_at(usize::from(self.position.source)).name.as_str().into(),
            position: self.position,
            code: RecordCode::Operator,
            column: Some(operator.into()),
            reason: format!("in the session `{}` the operator `{operator}` failed: {}", self.key, self.failure.fault)
                .into(),
            record: vec![],
        }
    }
}
