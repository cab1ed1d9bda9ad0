//! `duration_in_cur_state(s)`: the time since the current value was entered.

use crate::incremental::parts::{ABSENT, Compiling, Instruction, NumberReader, Pass, Row, StateSlot};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Time};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "duration_in_cur_state",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: true,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Zero, KeptWord::Value(of)],
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
    Instruction::DurationInCurState(Step { on: to.n(of), of: to.state(of), at: to.at() })
}

/// Words: when the value was entered, and the value.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: StateSlot,
    at: usize,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, of, at } = self;
        if !pass.is_dirty(*on) {
            return false;
        }
        let value = of.get(row.words);
        if value != row.words[at + 1] || pass.fresh {
            row.words[*at] = pass.now as u64;
            row.words[at + 1] = value;
            return true;
        }
        false
    }
}

#[inline]
pub(crate) fn linear(_of: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    Some(match from.word(1) {
        ABSENT => Linear::exact(0),
        _ => Linear::Exact { value: i128::from(from.now()) - i128::from(from.word(0) as Time), slope: 1 },
    })
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn an_equal_value_resets_nothing() {
        check(
            |p| Op::DurationInCurState { of: p.state('s') },
            "0: s=a; 2: s=a; 3: s=b; 5: s=; 7: s=b",
            "0 1 2 0 1 0 0 0 1",
        );
    }
}
