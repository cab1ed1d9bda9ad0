//! What an event does to the least or the greatest payload so far.

use crate::Type;
use crate::incremental::parts::{ABSENT, EffectContext, Row, order};

/// The word is the best payload so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnPayload {
    pub(super) at: usize,
    pub(super) ty: Type,
    pub(super) greatest: bool,
}

impl OnPayload {
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        let OnPayload { at, ty, greatest } = self;
        if payload == ABSENT {
            return;
        }
        let best = row.words[at];
        let better = best == ABSENT || {
            let order = order((ty, ty), payload, best, setting.dictionary);
            if greatest { order.is_gt() } else { order.is_lt() }
        };
        if better {
            row.words[at] = payload;
        }
    }
}
