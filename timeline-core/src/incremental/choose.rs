//! `if` and `coalesce`: which of their inputs is in force; `exists`: whether one is.

use super::code::{Bool, Existing, State};
use super::compile::Compiled;
use super::number;
use super::row::{ABSENT, NEVER, Row, truth};
use crate::plan::{Kind, NodeId, Op};
use crate::{Linear, Time};

/// Where a choice between states puts its value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Out {
    Word(usize),
    Bool(Bool),
}

/// Brings a choice between states up to date; true if it says something else.
#[inline]
pub(super) fn put(row: &mut Row<'_>, out: Out, value: u64) -> bool {
    match out {
        Out::Word(at) => std::mem::replace(&mut row.words[at], value) != value,
        Out::Bool(out) => {
            let value = if value == ABSENT { truth::ABSENT } else { value };
            let changed = out.get(row.words) != value;
            out.set(row.words, value);
            changed
        }
    }
}

/// The value of `if` over states: a condition that is absent is not true.
#[inline]
pub(super) fn chosen(row: &Row<'_>, condition: Bool, of: [State; 2]) -> u64 {
    let [then, otherwise] = of;
    if condition.get(row.words) == truth::TRUE { then.get(row.words) } else { otherwise.get(row.words) }
}

/// The value of `coalesce` over states.
#[inline]
pub(super) fn coalesced(row: &Row<'_>, of: [State; 2]) -> u64 {
    match of[0].get(row.words) {
        ABSENT => of[1].get(row.words),
        value => value,
    }
}

/// The piece of `if` or `coalesce` over numbers, in the unit of the node.
pub(super) fn linear(compiled: &Compiled, row: &Row<'_>, id: NodeId) -> Option<Linear> {
    let node = compiled.plan.node(id);
    let piece = match node.op {
        Op::If { condition, then, otherwise } => {
            let holds = compiled.bool(condition).get(row.words) == truth::TRUE;
            number::linear(compiled, row, if holds { then } else { otherwise })
        }
        Op::Coalesce(a, b) => number::linear(compiled, row, a).or_else(|| number::linear(compiled, row, b)),
        ref other => unreachable!("{other:?} is no choice"),
    };
    match node.kind {
        Kind::Number(unit) => piece.map(|piece| piece.in_unit(unit)),
        _ => piece,
    }
}

/// Whether a timeline has a value at the row's instant; of a quotient it is noted when that may next be otherwise.
pub(super) fn exists(compiled: &Compiled, row: &mut Row<'_>, of: Existing, now: Time) -> bool {
    match of {
        Existing::State(state) => state.get(row.words) != ABSENT,
        Existing::Number(id) => number::linear(compiled, row, id).is_some(),
        Existing::Ratio { of, at } => {
            let denominator = number::ratio(compiled, row, of).map(|(_, denominator)| denominator);
            let turns_in = denominator.and_then(Linear::next_sign_change);
            row.words[at] = turns_in.map_or(NEVER, |dt| now.saturating_add(dt)) as u64;
            denominator.is_some_and(|denominator| denominator.sign() != 0)
        }
    }
}
