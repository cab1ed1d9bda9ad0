//! A plan for people: which workers there are, what they read, what is shared, and what each costs.
//!
//! Four forms of the same facts: a tree in text, Graphviz, SVG and JSON.
//!
//! **Invariant:** the output is linear in the plan: a node is drawn once and referred to afterwards, and the text of an
//! operator is cut off where it would repeat shared inputs without end.

mod dot;
mod expected;
mod facts;
mod json;
mod operator;
mod outputs;
mod svg;
mod timers;
mod tree;

pub use expected::{RowsADay, rows_text};
pub use operator::{definition_text, duration_text, operator_text, shown_text};
pub use outputs::aggregate_text;

pub(crate) use facts::PlanFacts;
use timeline_core::Plan;

/// How much room a session takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSize {
    /// Bytes of one session, before window operators have grown.
    pub session_bytes: usize,
    /// Bytes of each node of the plan, by its index; those not given count as 0.
    pub node_bytes: Vec<usize>,
}

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExplainFormat {
    /// A tree of lines.
    #[default]
    Text,
    /// Graphviz.
    Dot,
    /// A picture.
    Svg,
    /// One JSON object.
    Json,
}

/// Describes the plan.
pub fn explain(plan: &Plan, sizes: &SessionSize, format: ExplainFormat) -> String {
    let facts = PlanFacts::of(plan, sizes);
    match format {
        ExplainFormat::Text => tree::text(plan, &facts),
        ExplainFormat::Dot => dot::text(plan, &facts),
        ExplainFormat::Svg => svg::text(plan, &facts),
        ExplainFormat::Json => json::text(plan, &facts),
    }
}
