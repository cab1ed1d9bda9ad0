//! One pass, continued: what it does for the operators that fewer queries have.
//!
//! They are kept out of the loop over those that nearly all queries have, which is worth a tenth of its time.

use super::code::Pass;
use super::compile::CompiledPlan;
use super::derived::{self, PassEvents};
use super::dictionary::Dictionary;
use super::row::Row;
use crate::Time;

/// What a step may look at and change that makes events, or texts.
pub(crate) struct ApartPass<'a> {
    pub(crate) compiled: &'a CompiledPlan,
    pub(crate) dictionary: &'a mut Dictionary,
    pub(super) dirty: &'a mut [bool],
    pub(super) pass_events: &'a mut PassEvents,
    /// The node whose step it is.
    pub(crate) node: usize,
    /// The columns that events of the instant had.
    pub(crate) pending: u64,
    /// The row's instant.
    pub(crate) now: Time,
    /// Whether it is the session's first one, in which everything is calculated.
    pub(crate) fresh: bool,
}

impl ApartPass<'_> {
    /// Whether a node may have changed in this pass.
    pub(crate) fn is_dirty(&self, on: u16) -> bool {
        self.dirty[usize::from(on)]
    }

    /// The pass without what only these steps need.
    pub(crate) fn pass(&self) -> Pass<'_> {
        let ApartPass { compiled, ref dictionary, ref dirty, pass_events: _, node, pending, now, fresh } = *self;
        Pass { compiled, dictionary, dirty, node, pending, now, fresh }
    }

    /// Lets a step make the node's events of this pass, and these act on those who read them; false if there are none.
    pub(crate) fn make(
        &mut self,
        row: &mut Row<'_>,
        step: impl FnOnce(Pass<'_>, &mut PassEvents, &mut Vec<u64>, &mut Row<'_>),
    ) -> bool {
        let mut ranks = self.pass_events.take_ranks(self.node);
        let ApartPass { compiled, ref dictionary, ref dirty, ref mut pass_events, node, pending, now, fresh } = *self;
        step(Pass { compiled, dictionary, dirty, node, pending, now, fresh }, pass_events, &mut ranks, row);
        let any = !ranks.is_empty();
        self.pass_events.put_ranks(self.node, ranks);
        if any {
            self.act(row);
        }
        any
    }

    /// Lets the node's events of this pass act on those who read them one by one.
    pub(super) fn act(&mut self, row: &mut Row<'_>) {
        derived::act(self.compiled, self.dictionary, self.dirty, (self.pass_events, self.node), row);
    }
}

/// Brings one node up to date; true if it may have changed.
#[inline(never)]
pub(super) fn step(mut pass: ApartPass<'_>, row: &mut Row<'_>) -> bool {
    let compiled = pass.compiled;
    compiled.codes[pass.node].run_apart(&mut pass, row)
}
