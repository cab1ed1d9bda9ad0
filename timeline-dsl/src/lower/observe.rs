//! What each expression turned out to be, for those who ask while a program is written.

use super::Lowering;
use super::value::Lowered;
use crate::explain::{PlanFacts, SessionSize};
use crate::syntax::{Expr, Span};

/// An expression that means something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observation {
    pub(crate) span: Span,
    /// `event<string>`, `state<bool>`, `duration` ...
    pub(crate) kind: String,
    /// How its state grows; none of what has no state of its own.
    pub(crate) memory: Option<&'static str>,
    /// Whether it changes without an event.
    pub(crate) timer: bool,
}

impl Lowering<'_> {
    /// Lowers an expression, and remembers what it is if somebody wants to know.
    pub(super) fn lower(&mut self, e: &Expr) -> Lowered {
        let lowered = self.lower_unseen(e);
        if let Some(seen) = &mut self.seen {
            seen.push((e.span, lowered.clone()));
        }
        lowered
    }

    /// Remembers from now on.
    pub(crate) fn observe(&mut self) {
        self.seen = Some(vec![]);
    }

    /// What was remembered, in the order of lowering: parts before what they are parts of.
    pub(crate) fn observed(mut self) -> Vec<Observation> {
        let facts: Vec<PlanFacts> =
            self.groups.iter().map(|group| PlanFacts::of(group.builder.plan(), &SessionSize::default())).collect();
        let seen = self.seen.take().unwrap_or_default();
        let observation = |(span, lowered): &(Span, Lowered)| {
            let (memory, timer) = match lowered {
                Lowered::Error => return None,
                Lowered::Node { source, id } => {
                    let node = &facts[*source].nodes[id.index()];
                    (Some(node.memory), node.timer)
                }
                Lowered::Event(_) | Lowered::Mixed(_) | Lowered::Literal(_) => (None, false),
            };
            Some(Observation { span: *span, kind: self.describe(lowered), memory, timer })
        };
        seen.iter().filter_map(observation).collect()
    }
}
