//! What an event does to the leaves, before its instant is evaluated.

use super::Event;
use super::compile::{Compiled, Effect};
use super::dictionary::Dictionary;
use super::row::{ABSENT, FRESH, NEVER, Row, truth};

/// Lets the event change the leaves that read its columns, and notes the columns for the pass that ends the instant.
#[inline]
pub(super) fn apply(compiled: &mut Compiled, dictionary: &Dictionary, row: &mut Row<'_>, event: &Event<'_>) {
    if event.present == 0 {
        return;
    }
    let program = compiled.program(event.present);
    let compiled = &*compiled;
    for &leaf in &compiled.programs[program].leaves {
        let leaf = &compiled.leaves[usize::from(leaf)];
        let payload = leaf.payload.eval(event, dictionary);
        match leaf.effect {
            Effect::Latest { at, ttl } => {
                row.words[at] = payload;
                if let Some(ttl) = ttl {
                    let until = if payload == ABSENT { NEVER } else { event.time.saturating_add(ttl) };
                    row.words[at + 1] = until as u64;
                }
            }
            Effect::Existed { out, predicate } => {
                if matches(payload, predicate) {
                    out.set(row.words, truth::TRUE);
                }
            }
            Effect::Within { at, window, predicate } => {
                if matches(payload, predicate) {
                    row.words[at] = event.time.saturating_add(window) as u64;
                }
            }
            Effect::End => {
                if matches(payload, true) {
                    row.set_ending();
                }
            }
        }
    }
    if row.pending() != FRESH {
        row.set_pending(row.pending() | event.present);
    }
}

/// Whether a payload is a match: of a predicate what says true, of other events what is not null.
#[inline]
fn matches(payload: u64, predicate: bool) -> bool {
    if predicate { payload == 1 } else { payload != ABSENT }
}
