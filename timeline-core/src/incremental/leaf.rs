//! What an event does to the leaves, before its instant is evaluated.

use super::PackedEvent;
use super::code::Instruction;
use super::compile::{CompiledPlan, Leaf};
use super::dictionary::Dictionary;
use super::effect::{Effect, EffectContext};
use super::mixed;
use super::row::{FRESH, Row};
use super::user::{self, OperatorFailure};

/// Lets the event change the leaves that read its columns, and notes the columns by which it did for the pass that ends the
/// instant.
#[inline]
pub(crate) fn apply(
    compiled: &mut CompiledPlan,
    dictionary: &mut Dictionary,
    row: &mut Row<'_>,
    event: &PackedEvent<'_>,
    failures: &mut Vec<OperatorFailure>,
) {
    if event.present == 0 {
        return;
    }
    let program = compiled.program(event.present);
    let compiled = &*compiled;
    let mut changed = 0;
    for &leaf in &compiled.programs[program].leaves {
        let leaf = &compiled.leaves[usize::from(leaf)];
        if leaf.reads_more {
            apply_more(compiled, leaf, dictionary, row, event, failures);
            changed |= leaf.columns;
            continue;
        }
        let payload = leaf.payload.eval(event, dictionary);
        if leaf.effect.apply(&EffectContext { layout: &compiled.layout, dictionary, time: event.time }, row, payload) {
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

/// Lets the event change a leaf that reads more of it than a payload.
#[inline(never)]
fn apply_more(
    compiled: &CompiledPlan,
    leaf: &Leaf,
    dictionary: &mut Dictionary,
    row: &mut Row<'_>,
    event: &PackedEvent<'_>,
    failures: &mut Vec<OperatorFailure>,
) {
    match leaf.effect {
        Effect::OfUser(effect) => user::apply(&compiled.users[effect.user], dictionary, row, event, failures),
        Effect::Note(effect) => {
            let Instruction::Mixed(mixed) = &compiled.codes[effect.node] else {
                unreachable!("what is noted of a record is for what reads columns beside timelines")
            };
            let payload = leaf.payload.eval(event, dictionary);
            mixed::note(compiled, mixed, row, event, payload);
        }
        other => unreachable!("{other:?} reads a payload and no more"),
    }
}
