//! Random plans and logs for property tests, small and full of coincidences.
//!
//! Everything is first a *shape* that knows nothing of types or kinds (numbers to pick with), and is then built:
//! a pick chooses among the candidates that fit, modulo their number. So every shape is valid, plans and logs shrink
//! independently, and windows, gaps and lateness are a few nanoseconds, which makes events, timers and closes meet often.

mod expression;
mod log;
mod plan;
pub(crate) mod tables;
pub(crate) mod trial;
mod user;

use proptest::prelude::*;
use timeline_core::plan::PlanBuilder;
use timeline_core::reference::LogEvent;
use timeline_core::{Plan, Time, Type, Value};

/// A plan, a log for it, and how far to look.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) plan: Plan,
    /// In log order, `position` being the index.
    pub(crate) log: Vec<LogEvent>,
    /// The `--until` of the question.
    pub(crate) until: Option<Time>,
}

/// A case before it is built, for tests that add nodes of their own to the plan.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    plan: plan::PlanShape,
    log: log::LogShape,
}

/// Random plans with a log each.
pub(crate) fn cases() -> impl Strategy<Value = Case> {
    shapes().prop_map(|shape| shape.case(shape.builder().finish()))
}

/// Random plans alone.
pub(crate) fn plans() -> impl Strategy<Value = Plan> {
    plan::shapes().prop_map(|shape| shape.builder().finish())
}

/// What [`cases`] are built from.
pub(crate) fn shapes() -> impl Strategy<Value = Shape> {
    (plan::shapes(), log::shapes()).prop_map(|(plan, log)| Shape { plan, log })
}

impl Shape {
    /// The plan, open for more nodes.
    pub(crate) fn builder(&self) -> PlanBuilder {
        self.plan.builder()
    }

    /// The case with a plan that has the columns of [`Shape::builder`].
    pub(crate) fn case(&self, plan: Plan) -> Case {
        let (log, until) = self.log.build(&plan);
        Case { plan, log, until }
    }
}

/// One of a few values of a type.
pub(crate) fn value(ty: Type, pick: u8) -> Value {
    match ty {
        Type::String => Value::text(choose(&["a", "b", "ab", " B"], pick)),
        Type::Float => Value::Float(choose(&[0.5, 0.0, 1.0, -1.5, -0.0, 2.0], pick)),
        Type::Int => Value::Int(choose(&[1, 0, 2, -1, 3], pick)),
        Type::Bool => Value::Bool(choose(&[true, false], pick)),
    }
}

fn choose<T: Copy>(from: &[T], pick: u8) -> T {
    from[usize::from(pick) % from.len()]
}
