//! What one event does to the words of a worker that reads it.
//!
//! Events of records act when they come, derived ones in the pass that ends their instant, before the worker that reads
//! them has its turn. Either way every event of an instant is seen, and none sees another instant's.
//! What each operator does with a payload stands with the operator; the flat list of that ([`Effect`]) is beside these.

use super::dictionary::Dictionary;
use super::layout::RowLayout;
use super::row::{ABSENT, Row, truth};
use crate::Time;
pub(crate) use crate::operators::Effect;

/// Where and when an event acts.
pub(crate) struct EffectContext<'a> {
    pub(crate) layout: &'a RowLayout,
    pub(crate) dictionary: &'a Dictionary,
    pub(crate) time: Time,
}

/// The session's end event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndEffect;

impl EndEffect {
    /// No node asks whether the session ends.
    #[inline(always)]
    pub(crate) fn apply(self, _: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) -> bool {
        if matches(payload, true) {
            row.set_ending();
        }
        false
    }
}

/// The event's place in its instant is noted for workers that ask what came before what. `predicate`: only payloads that say
/// true count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GatherEffect {
    pub(crate) cell: usize,
    pub(crate) predicate: bool,
}

impl GatherEffect {
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        if matches(payload, self.predicate) {
            let rank = setting.layout.sequence.map_or(0, |at| row.words[at]);
            row.heap.cell_mut(setting.layout, self.cell).entries.push(rank);
        }
    }
}

/// What the record says is noted for the node, see [`super::mixed`]; whoever lets records act sees to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoteEffect {
    pub(super) node: usize,
}

impl NoteEffect {
    pub(crate) fn apply(self, _: &EffectContext<'_>, _: &mut Row<'_>, _: u64) {}
}

/// A user operator, which reads more of the record than one payload, see [`super::user`]; likewise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UserEffect {
    pub(super) user: usize,
}

impl UserEffect {
    pub(crate) fn apply(self, _: &EffectContext<'_>, _: &mut Row<'_>, _: u64) {}
}

/// Notes what so many words were before the events of the instant: behind them are the instant, and the words as they were.
pub(crate) fn keep(row: &mut Row<'_>, (at, words): (usize, usize), charged: bool, time: Time) {
    if charged && row.words[at + words] as Time != time {
        row.words[at + words] = time as u64;
        row.words.copy_within(at..at + words, at + words + 1);
    }
}

/// Whether a payload is a match: of a predicate what says true, of other events what is not null.
#[inline]
pub(crate) fn matches(payload: u64, predicate: bool) -> bool {
    if predicate { payload == truth::TRUE } else { payload != ABSENT }
}
