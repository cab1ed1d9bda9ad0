//! What an event does to the leaves, before its instant is evaluated.

use super::Event;
use super::code::Code;
use super::compile::Compiled;
use super::dictionary::Dictionary;
use super::effect::{Effect, Setting};
use super::mixed;
use super::row::{FRESH, Row};
use super::user::{self, Failure};

/// Lets the event change the leaves that read its columns, and notes the columns by which it did for the pass that ends the
/// instant.
#[inline]
pub(crate) fn apply(
    compiled: &mut Compiled,
    dictionary: &mut Dictionary,
    row: &mut Row<'_>,
    event: &Event<'_>,
    failures: &mut Vec<Failure>,
) {
    if event.present == 0 {
        return;
    }
    let program = compiled.program(event.present);
    let compiled = &*compiled;
    let mut changed = 0;
    for &leaf in &compiled.programs[program].leaves {
        let leaf = &compiled.leaves[usize::from(leaf)];
        if let Effect::OfUser(effect) = leaf.effect {
            user::apply(&compiled.users[effect.user], dictionary, row, event, failures);
            changed |= leaf.columns;
            continue;
        }
        let payload = leaf.payload.eval(event, dictionary);
        if let (Effect::Note(effect), codes) = (leaf.effect, &compiled.codes)
            && let Code::Mixed(mixed) = &codes[effect.node]
        {
            mixed::note(compiled, mixed, row, event, payload);
            changed |= leaf.columns;
            continue;
        }
        if leaf.effect.apply(&Setting { layout: &compiled.layout, dictionary, time: event.time }, row, payload) {
            changed |= leaf.columns;
        }
    }
    if let Some(at) = compiled.layout.sequence {
        row.words[at] += 1;
    }
    if row.pending() != FRESH {
        row.set_pending(row.pending() | changed & event.present);
    }
}
