//! `x over last D`: what a number has grown by in a window.

use crate::incremental::parts::{Compiling, Instruction, NumberReader, Pass, Row};
use crate::incremental::window;
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Linear, Time};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId, window: Time) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "over_last",
        form: Notation::Own,
        parameters: vec![Parameter::Window(window)],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::After(window),
        due: DeadlineSlot::Word(0),
        memory: MemoryClass::Window,
        words: vec![KeptWord::Due],
        entry: Some(vec![KeptWord::Zero]),
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(of: NodeId, _window: Time, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Number(unit)] if made.plan.node(of).is_cumulative => Some(TimelineKind::Number(*unit)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, _window: Time, to: &mut Compiling<'_>) -> Instruction {
    Instruction::OverLast(Step { on: to.n(of), at: to.at() })
}

/// The word is when the window next leaves a piece; the cell has the pieces that it still reaches.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    at: usize,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        if !pass.is_dirty(self.on) && !pass.fresh && row.words[self.at] as Time > pass.now {
            return false;
        }
        window::update(pass.compiled, row, pass.node, pass.fresh);
        true
    }
}

pub(crate) fn linear(of: NodeId, _window: Time, from: NumberReader<'_>) -> Option<Linear> {
    window::linear(from.compiled, from.row, from.id, of)
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn what_was_before_the_window_is_left_out() {
        check(|p| Op::OverLast { of: p.moving(), window: 2 }, "0: b; 3: !b", "0 1 2 2 1 0");
    }
}
