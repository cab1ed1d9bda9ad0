//! `x scope by s`: what a cumulative number has come to since the state last changed.
//!
//! Words: what the number was just before the change, and the state's value. Nothing is done while the number grows.

use super::code::State;
use super::compile::Compiled;
use super::number;
use super::row::Row;
use crate::Linear;
use crate::number::saturate;
use crate::plan::{Kind, NodeId, Op, Unit};

/// Begins a new scope if the state has another value; true if it has.
pub(super) fn update(compiled: &Compiled, row: &mut Row<'_>, of: NodeId, by: State, at: usize, fresh: bool) -> bool {
    let value = by.get(row.words);
    if !fresh && value == row.words[at + 1] {
        return false;
    }
    row.words[at + 1] = value;
    if !fresh {
        row.words[at] = number::before(compiled, row, of).map_or(0, word);
    }
    true
}

pub(super) fn linear(compiled: &Compiled, row: &Row<'_>, id: NodeId) -> Option<Linear> {
    let node = compiled.plan.node(id);
    let (Op::Scope { of, .. }, Kind::Number(unit)) = (&node.op, node.kind) else {
        unreachable!("only scopes come here")
    };
    let base = row.words[compiled.layout.nodes[id.index()].at];
    Some(number::linear(compiled, row, *of)?.sub(of_word(base, unit)))
}

/// A number without its slope, as a word.
pub(super) fn word(x: Linear) -> u64 {
    match x {
        Linear::Exact { value, .. } => saturate(value) as u64,
        Linear::Float { value, .. } => value.to_bits(),
    }
}

/// The number of a word.
pub(super) fn of_word(word: u64, unit: Unit) -> Linear {
    if unit.is_float() { Linear::float(f64::from_bits(word)) } else { Linear::exact(i128::from(word as i64)) }
}
