//! `every D`: the clock in windows.

use crate::incremental::parts::{Compiling, Instruction, Pass, Row};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Every, KeptWord, Made, MemoryClass, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(every: &Every) -> OperatorDescription<'_> {
    OperatorDescription {
        name: "every",
        form: Notation::Own,
        parameters: vec![Parameter::Windows(every)],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Clock,
        due: DeadlineSlot::Word(1),
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Zero, KeptWord::Due],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_: &Every, made: &Made<'_>) -> Option<TimelineKind> {
    made.inputs.is_empty().then_some(TimelineKind::State(Type::Int))
}

pub(crate) fn compile(every: &Every, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Every(Step { at: to.at(), every: every.clone() })
}

/// Words: when the window began, and when it ends.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    at: usize,
    every: Every,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { at, every } = self;
        if !pass.fresh && row.words[at + 1] as Time > pass.now {
            return false;
        }
        // Nearly always time has come to the end of the window that was open.
        let is_next = !pass.fresh && row.words[at + 1] as Time == pass.now;
        let (begin, end) = if is_next { every.behind(pass.now) } else { every.around(pass.now) };
        row.words[*at] = begin as u64;
        row.words[at + 1] = end as u64;
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::{Every, Op};

    #[test]
    fn a_window_begins_by_the_clock() {
        check(|_| Op::Every(Every::length(3)), "0: b", "0 0 0 3 3 3 6");
        check(|_| Op::Every(Every::Length { length: 3, offset: 1 }), "0: b", "-2 1 1 1 4 4 4");
    }
}
