//! `delayed(x, D)`: what a number was so long ago.

use crate::incremental::parts::{
    Compiling, CumulativePiece, Instruction, NEVER, NumberReader, Pass, Row, linear as number, piece_of,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Time};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId, length: Time) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "delayed_number",
        form: Notation::Own,
        parameters: vec![Parameter::Window(length)],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::After(length),
        due: DeadlineSlot::Word(0),
        memory: MemoryClass::Window,
        words: vec![KeptWord::Due],
        entry: Some(vec![KeptWord::Zero]),
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, _length: Time, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Number(unit)] => Some(TimelineKind::Number(*unit)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, length: Time, to: &mut Compiling<'_>) -> Instruction {
    match to.kind(of) {
        TimelineKind::Number(unit) => {
            Instruction::DelayedNumber(Step { on: to.n(of), of, unit, at: to.at(), cell: to.cell(), length })
        }
        other => unreachable!("{other} is no number, as the builder checked"),
    }
}

/// In place of an entry: whether the number has a value on the piece.
const PRESENT: u32 = 0;
const ABSENT: u32 = 1;

/// The word is when the next piece comes again; the cell has the pieces from the one on that is in force so long ago.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: NodeId,
    unit: Unit,
    at: usize,
    cell: usize,
    length: Time,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, of, unit, at, cell, length } = *self;
        let is_changed = pass.fresh || pass.is_dirty(on);
        if !is_changed && row.words[at] as Time > pass.now {
            return false;
        }
        let present = match number(pass.compiled, row, of) {
            Some(x) => piece_of(x, pass.now, PRESENT),
            None => CumulativePiece { start: pass.now, value: 0, rest: 0, slope: 0, entry: ABSENT },
        };
        let pieces = &mut row.heap.cell_mut(&pass.compiled.layout, cell).pieces;
        let goes_on = |last: &CumulativePiece| {
            last.entry == present.entry && last.linear_at(pass.now, unit) == present.linear_at(pass.now, unit)
        };
        if is_changed && !pieces.back().is_some_and(goes_on) {
            pieces.push_back(present);
        }
        let comes = |piece: &CumulativePiece| piece.start.saturating_add(length);
        let mut changed = pass.fresh;
        while pieces.get(1).is_some_and(|next| comes(next) <= pass.now) {
            pieces.pop_front();
            changed = true;
        }
        // The first one is not in force before it is so old itself.
        let first = pieces.front().map(comes);
        changed |= first == Some(pass.now);
        let next = first.filter(|first| *first > pass.now).or_else(|| pieces.get(1).map(comes));
        row.words[at] = next.unwrap_or(NEVER) as u64;
        changed
    }
}

pub(crate) fn linear(_of: NodeId, length: Time, from: NumberReader<'_>) -> Option<Linear> {
    let past = from.now().checked_sub(length)?;
    let cell = from.row.heap.cell(from.cell())?;
    let piece = cell.pieces.iter().rev().find(|piece| piece.start <= past)?;
    (piece.entry == PRESENT).then(|| piece.linear_at(past, from.unit()))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_number_goes_on_as_it_did() {
        check(|p| Op::DelayedNumber { of: p.moving(), length: 2 }, "0: b; 3: !b; 5: b", "- - 0 1 2 3 3 3 4");
    }

    #[test]
    fn it_is_absent_where_it_was() {
        check(
            |p| Op::DelayedNumber { of: p.number('x'), length: 2 },
            "0: b; 1: x=0.5; 2: x=; 4: x=2",
            "- - - 0.5 - - 2",
        );
    }
}
