//! The partitions of one topic, among which its keys are shared out, as far as a checkpoint says who they are.

use super::Counts;
use serde::{Deserialize, Serialize};
use timeline_core::plan::Plan;

/// The partitions among which the keys of one are shared out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Siblings {
    /// The numbers of those that there were from the beginning; none where nobody has looked.
    pub first: Vec<u32>,
    /// How many there are now; of topics that share a key, of all of them together.
    pub now: u32,
}

impl Siblings {
    pub(super) fn is_unknown(&self) -> bool {
        self.first.is_empty()
    }

    /// Counts as they are shown: how messages are keyed means nothing where all of them are in one partition.
    pub(super) fn shown(&self, counts: Counts, plan: &Plan) -> Counts {
        let is_shared_out = self.now as usize > plan.sources().count();
        Counts { misrouted: if is_shared_out { counts.misrouted } else { 0 }, ..counts }
    }
}
