//! `x over last D`: the pieces of a cumulative number that the window still reaches.
//!
//! The oldest piece kept is the one in force at the window's trailing end; before the session it is the constant 0,
//! which starts at the least instant, so that leaving it is a change like any other.

use super::compile::CompiledPlan;
use super::number;
use super::row::{CumulativePiece, NEVER, Row};
use crate::number::saturate;
use crate::plan::{NodeId, Op, TimelineKind, Unit};
use crate::{Linear, Time};
use std::collections::VecDeque;

/// What a cumulative number is before the session.
const BEFORE: CumulativePiece = CumulativePiece { start: Time::MIN, value: 0, rest: 0, slope: 0, entry: u32::MAX };

/// Takes the input's present piece, drops what the window has left, and notes when it next leaves a piece.
pub(crate) fn update(compiled: &CompiledPlan, row: &mut Row<'_>, node: usize, fresh: bool) {
    let Op::OverLast { of, window } = compiled.plan.nodes[node].op else { unreachable!("only windows come here") };
    let present = piece(compiled, row, of, 0);
    let place = compiled.layout.nodes[node];
    let cell = row.heap.cell_mut(&compiled.layout, place.cell);
    let next = slide(&mut cell.pieces, present, window, fresh, unit(compiled, of));
    row.words[place.at] = next as u64;
}

/// The window's number at the row's instant.
pub(crate) fn linear(compiled: &CompiledPlan, row: &Row<'_>, id: NodeId, of: NodeId) -> Option<Linear> {
    let Op::OverLast { window, .. } = compiled.plan.node(id).op else { unreachable!("only windows come here") };
    let present = number::linear(compiled, row, of)?;
    let cell = row.heap.cell(compiled.layout.nodes[id.index()].cell)?;
    let trailing = row.now().saturating_sub(window);
    let past = cell.pieces.iter().rev().find(|piece| piece.start <= trailing).unwrap_or(&BEFORE);
    Some(present.sub(past.linear_at(trailing, unit(compiled, of))))
}

/// The present piece of a cumulative number, charged to an entry.
pub(crate) fn piece(compiled: &CompiledPlan, row: &Row<'_>, of: NodeId, entry: u32) -> CumulativePiece {
    match number::linear(compiled, row, of) {
        Some(x) => piece_of(x, row.now(), entry),
        None => unreachable!("a cumulative number is never absent, as the builder checked"),
    }
}

/// The piece that a number begins at an instant.
pub(crate) fn piece_of(x: Linear, start: Time, entry: u32) -> CumulativePiece {
    match x {
        Linear::Exact { value, slope } => {
            CumulativePiece { start, value: saturate(value), rest: 0, slope: saturate(slope), entry }
        }
        Linear::Float { value, rest, slope } => {
            let [value, rest, slope] = [value, rest, slope].map(|x| x.to_bits() as i64);
            CumulativePiece { start, value, rest, slope, entry }
        }
    }
}

/// The unit of a number.
pub(crate) fn unit(compiled: &CompiledPlan, id: NodeId) -> Unit {
    match compiled.plan.node(id).kind {
        TimelineKind::Number(unit) => unit,
        other => unreachable!("{other} is no number, as the builder checked"),
    }
}

/// Appends a piece unless it continues the last one, drops those that the window has left,
/// and says when the window next leaves one.
pub(crate) fn slide(
    pieces: &mut VecDeque<CumulativePiece>,
    present: CumulativePiece,
    window: Time,
    fresh: bool,
    unit: Unit,
) -> Time {
    if fresh {
        pieces.clear();
        pieces.push_back(BEFORE);
    }
    let last = pieces.back().unwrap_or(&BEFORE);
    let at = present.start;
    if last.entry != present.entry || last.linear_at(at, unit) != present.linear_at(at, unit) {
        pieces.push_back(present);
    }
    let trailing = present.start.saturating_sub(window);
    while pieces.len() > 1 && pieces[1].start <= trailing {
        pieces.pop_front();
    }
    pieces.get(1).map_or(NEVER, |piece| piece.start.saturating_add(window))
}

impl CumulativePiece {
    /// The piece as seen from an instant at or after its start.
    pub(crate) fn linear_at(&self, at: Time, unit: Unit) -> Linear {
        let dt = i128::from(at) - i128::from(self.start);
        if unit.is_float() {
            let [value, rest, slope] = [self.value, self.rest, self.slope].map(|x| f64::from_bits(x as u64));
            return Linear::Float { value, rest, slope }.after_wide(dt);
        }
        let slope = i128::from(self.slope);
        Linear::Exact { value: i128::from(self.value) + slope * if slope == 0 { 0 } else { dt }, slope }
    }
}
