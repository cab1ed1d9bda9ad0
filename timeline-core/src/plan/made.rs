//! What an operator is made of, where it is asked what kind of timeline it would make.

use super::Plan;
use super::expression::EventExpr;
use super::kind::{TimelineKind, comparable};
use super::op::NodeId;
use crate::Type;

/// The inputs of an operator that is about to be part of a plan.
pub(crate) struct Made<'a> {
    pub(crate) plan: &'a Plan,
    /// What the inputs are, in order.
    pub(crate) inputs: &'a [TimelineKind],
}

impl Made<'_> {
    /// The type of an expression over the record behind an event and timelines of those kinds; none if it cannot be made.
    pub(crate) fn of_record(&self, event: NodeId, e: &EventExpr, of: &[TimelineKind]) -> Option<Type> {
        let columns = self.plan.columns.iter().enumerate().filter(|(i, _)| e.columns() >> i & 1 == 1);
        let own = self.plan.record_source(event);
        let all_own = columns.into_iter().all(|(_, column)| own == Some(column.source));
        let of: Vec<Type> = of.iter().map(|kind| kind.sampled()).collect::<Option<_>>()?;
        all_own.then(|| self.expression_type(e, &of))?
    }

    pub(crate) fn expression_type(&self, e: &EventExpr, of: &[Type]) -> Option<Type> {
        let ty = |e: &EventExpr| self.expression_type(e, of);
        match e {
            EventExpr::Column(c) => self.plan.columns.get(c.index()).map(|c| c.ty),
            EventExpr::Constant(v) => Some(v.ty()),
            EventExpr::Sample(n) => of.get(usize::from(*n)).copied(),
            EventExpr::Compare(_, a, b) => comparable(ty(a)?, ty(b)?).then_some(Type::Bool),
            EventExpr::Call(function, all) => {
                let types: Option<Vec<Type>> = all.iter().map(ty).collect();
                function.result(&types?)
            }
            EventExpr::Lookup(column, key) => {
                let types: Option<Vec<Type>> = key.iter().map(ty).collect();
                column.takes(&types?).then(|| column.ty())
            }
            EventExpr::Not(a) => (ty(a)? == Type::Bool).then_some(Type::Bool),
            EventExpr::And(a, b) | EventExpr::Or(a, b) => {
                (ty(a)? == Type::Bool && ty(b)? == Type::Bool).then_some(Type::Bool)
            }
        }
    }
}
