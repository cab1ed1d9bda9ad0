//! `x scope by s`: what a cumulative number has come to since the state last changed.
//!
//! Words: what the number was just before the change, the state's value, and what a float lacks. Nothing is done while the number grows.

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
        let before = number::before(compiled, row, of).map_or([0; 2], words);
        row.words[at] = before[0];
        if super::layout::number_words(&compiled.plan, of) > 1 {
            row.words[at + 2] = before[1];
        }
    }
    true
}

pub(super) fn linear(compiled: &Compiled, row: &Row<'_>, id: NodeId) -> Option<Linear> {
    let node = compiled.plan.node(id);
    let (Op::Scope { of, .. }, Kind::Number(unit)) = (&node.op, node.kind) else {
        unreachable!("only scopes come here")
    };
    let place = compiled.layout.nodes[id.index()];
    let base = [row.words[place.at], if place.words > 2 { row.words[place.at + 2] } else { 0 }];
    Some(number::linear(compiled, row, *of)?.sub(of_words(&base, unit)))
}

/// A number without its slope, as words: of a float also what it lacks.
pub(super) fn words(x: Linear) -> [u64; 2] {
    match x {
        Linear::Exact { value, .. } => [saturate(value) as u64, 0],
        Linear::Float { value, rest, .. } => [value.to_bits(), rest.to_bits()],
    }
}

/// The number of its words.
pub(super) fn of_words(words: &[u64], unit: Unit) -> Linear {
    if unit.is_float() {
        Linear::Float { value: f64::from_bits(words[0]), rest: f64::from_bits(words[1]), slope: 0.0 }
    } else {
        Linear::exact(i128::from(words[0] as i64))
    }
}
