//! `count_within(p, D)`: how many matches there were in a window.

use crate::incremental::parts::{
    Compiling, CumulativePiece, Effect, EffectContext, Instruction, NEVER, NumberReader, Pass, Row, matches,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Time};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId, window: Time) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "count_within",
        form: Notation::Call,
        parameters: vec![Parameter::Window(window)],
        takes: CountedEvents::Matches,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::After(window),
        due: DeadlineSlot::Word(1),
        memory: MemoryClass::Window,
        words: vec![KeptWord::Zero, KeptWord::Due],
        entry: Some(vec![KeptWord::Zero]),
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, _window: Time, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_)] => Some(TimelineKind::Number(Unit::Int)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, window: Time, to: &mut Compiling<'_>) -> Instruction {
    let (at, cell) = (to.at(), to.cell());
    let effect = Effect::CountWithin(OnMatch { at, cell, predicate: to.is_predicate(of) });
    Instruction::CountWithin(Step { columns: to.read(of, effect), at, cell, window })
}

/// A match is one more, which leaves the window later. Words: the count, and when the oldest of them leaves; the cell has
/// how many there were at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnMatch {
    at: usize,
    cell: usize,
    predicate: bool,
}

impl OnMatch {
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        if !matches(payload, self.predicate) {
            return;
        }
        let pieces = &mut row.heap.cell_mut(setting.layout, self.cell).pieces;
        match pieces.back_mut() {
            Some(last) if last.start == setting.time => last.value += 1,
            _ => pieces.push_back(CumulativePiece { start: setting.time, value: 1, rest: 0, slope: 0, entry: 0 }),
        }
        row.words[self.at] += 1;
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    columns: u64,
    at: usize,
    cell: usize,
    window: Time,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { columns, at, cell, window } = self;
        let mut changed = columns & pass.pending != 0;
        if let Some(cell) = row.heap.cell_if_any(*cell) {
            let counted = &mut cell.pieces;
            while let Some(piece) = counted.pop_front_if(|piece| piece.start.saturating_add(*window) <= pass.now) {
                row.words[*at] -= piece.value as u64;
                changed = true;
            }
            let next = counted.front().map_or(NEVER, |piece| piece.start.saturating_add(*window));
            row.words[at + 1] = next as u64;
        }
        changed
    }
}

pub(crate) fn linear(_of: NodeId, _window: Time, from: NumberReader<'_>) -> Option<Linear> {
    Some(from.counted(from.at))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_match_leaves_after_the_window() {
        check(|p| Op::CountWithin { of: p.event('b'), window: 2 }, "0: b; 1: b; 4: b", "1 2 1 0 1");
    }
}
