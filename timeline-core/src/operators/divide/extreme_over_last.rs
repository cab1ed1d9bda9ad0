//! `max(x) over last D`, `min(x) over last D`: the greatest and the least value that was in force in a window.

use crate::incremental::parts::{
    ABSENT, Compiling, CumulativePiece, EventPayload, Instruction, NEVER, Pass, Row, order,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId, window: Time, greatest: bool) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "extreme_over_last",
        form: Notation::Own,
        parameters: vec![Parameter::Word(if greatest { "max" } else { "min" }), Parameter::Window(window)],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::WhereNoneMoves("the extreme over a window"),
        timer: Timer::After(window),
        due: DeadlineSlot::Word(1),
        memory: MemoryClass::Window,
        words: vec![KeptWord::Own, KeptWord::Due],
        entry: Some(vec![KeptWord::Zero]),
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, _window: Time, _greatest: bool, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [kind] => kind.sampled().filter(|ty| ty.is_numeric()).map(TimelineKind::State),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, window: Time, greatest: bool, to: &mut Compiling<'_>) -> Instruction {
    let ty = to.payload(to.id());
    let (on, of) = (to.n(of), to.sample(of));
    Instruction::ExtremeOverLast(Step { on, of, at: to.at(), cell: to.cell(), ty, window, greatest })
}

/// Words: the best value, and when it leaves the window.
///
/// The cell has a value and when it ceased to be in force (never yet, of the present one), oldest first. Those that a later
/// one is as good as are left out, since that one stays for longer: so each is worse than the one before, and the first is
/// the best.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: EventPayload,
    at: usize,
    cell: usize,
    ty: Type,
    window: Time,
    greatest: bool,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, of, at, cell, ty, window, greatest } = *self;
        let is_changed = pass.fresh || pass.is_dirty(on);
        if !is_changed && row.words[at + 1] as Time > pass.now {
            return false;
        }
        let value = of.word(pass.compiled, row);
        let values = &mut row.heap.cell_mut(&pass.compiled.layout, cell).pieces;
        let is_present = |piece: &CumulativePiece| piece.start == NEVER;
        if is_changed && values.back().filter(|last| is_present(last)).map_or(ABSENT, |last| last.value as u64) != value
        {
            if let Some(last) = values.back_mut().filter(|last| is_present(last)) {
                last.start = pass.now;
            }
            if value != ABSENT {
                let is_as_good = |piece: &CumulativePiece| {
                    let order = order((ty, ty), value, piece.value as u64, pass.dictionary);
                    if greatest { order.is_ge() } else { order.is_le() }
                };
                while values.back().is_some_and(is_as_good) {
                    values.pop_back();
                }
                values.push_back(CumulativePiece { start: NEVER, value: value as i64, rest: 0, slope: 0, entry: 0 });
            }
        }
        let leaves = |piece: &CumulativePiece| piece.start.saturating_add(window);
        while values.pop_front_if(|piece| leaves(piece) <= pass.now).is_some() {}
        let (best, next) = values.front().map_or((ABSENT, NEVER), |first| (first.value as u64, leaves(first)));
        row.words[at + 1] = next as u64;
        std::mem::replace(&mut row.words[at], best) != best || pass.fresh
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn the_value_in_force_where_the_window_begins_counts() {
        let greatest = |p: &mut crate::operators::testing::Bench| Op::ExtremeOverLast {
            of: p.state('n'),
            window: 2,
            greatest: true,
        };
        check(greatest, "0: n=5; 1: n=3; 4: n=4; 5: n=1; 9: n=0", "5 5 5 3 4 4 4 1 1 1 1 0");
        let least = |p: &mut crate::operators::testing::Bench| Op::ExtremeOverLast {
            of: p.state('n'),
            window: 2,
            greatest: false,
        };
        check(least, "0: n=5; 1: n=3; 4: n=4; 5: n=1; 9: n=0", "5 3 3 3 3 1 1 1 1 0");
    }

    #[test]
    fn where_nothing_was_in_force_it_is_absent() {
        let op = |p: &mut crate::operators::testing::Bench| Op::ExtremeOverLast {
            of: p.state('x'),
            window: 2,
            greatest: true,
        };
        check(op, "0: b; 1: x=-1.5; 2: x=; 6: x=-2; 7: x=-3", "- -1.5 -1.5 -1.5 - - -2 -2 -2 -3");
    }

    #[test]
    fn numbers_that_change_in_steps_are_values() {
        let op = |p: &mut crate::operators::testing::Bench| {
            let of = p.event('b');
            let of = p.add(Op::CountWithin { of, window: 2 });
            Op::ExtremeOverLast { of, window: 3, greatest: true }
        };
        check(op, "0: b; 1: b; 5: n=1", "1 2 2 2 2 1 0 0");
    }
}
