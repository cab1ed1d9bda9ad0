//! `duration_of_previous_state(s)`: how long the value before was in force.

use crate::incremental::parts::{ABSENT, Compiling, Instruction, NOT_SINCE, NumberReader, Pass, Row, StateSlot};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Time};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "duration_of_previous_state",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Zero, KeptWord::Value(of), KeptWord::Since],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(_)] => Some(TimelineKind::Number(Unit::Duration)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::DurationOfPreviousState(Step { on: to.n(of), of: to.state(of), at: to.at() })
}

/// Words: when the value was entered, the value, and how long the one before was in force.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: StateSlot,
    at: usize,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, of, at } = self;
        if !pass.is_dirty(*on) {
            return false;
        }
        let value = of.get(row.words);
        let before = row.words[at + 1];
        if value == before && !pass.fresh {
            return false;
        }
        if before != ABSENT && !pass.fresh {
            let entered = row.words[*at] as Time;
            row.words[at + 2] = pass.now.saturating_sub(entered) as u64;
        }
        row.words[*at] = pass.now as u64;
        row.words[at + 1] = value;
        true
    }
}

pub(crate) fn linear(_of: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    match from.word(2) as Time {
        NOT_SINCE => None,
        length => Some(Linear::exact(i128::from(length))),
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn absence_is_no_value() {
        check(|p| Op::DurationOfPreviousState { of: p.state('s') }, "0: s=a; 3: s=b; 4: s=; 6: s=c", "- - - 3 1 1 1");
    }
}
