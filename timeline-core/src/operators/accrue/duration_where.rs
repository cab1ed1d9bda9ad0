//! `duration_where(b)`: for how long a condition was true.

use crate::incremental::parts::{Bool, Compiling, Instruction, NOT_SINCE, NumberReader, Pass, Row, truth};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "duration_where",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: true,
        cumulative: Cumulative::Always,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Zero, KeptWord::Since],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(Type::Bool)] => Some(TimelineKind::Number(Unit::Duration)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::DurationWhere(Step { on: to.n(of), of: to.bool(of), at: to.at() })
}

/// Words: what has come together, and since when it is true.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: Bool,
    at: usize,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, of, at } = self;
        if !pass.is_dirty(*on) {
            return false;
        }
        let running = of.get(row.words) == truth::TRUE;
        let since = row.words[at + 1] as Time;
        match (running, since == NOT_SINCE) {
            (true, true) => row.words[at + 1] = pass.now as u64,
            (false, false) => {
                let accumulated = row.words[*at] as Time;
                row.words[*at] = accumulated.saturating_add(pass.now.saturating_sub(since)) as u64;
                row.words[at + 1] = NOT_SINCE as u64;
            }
            _ => return pass.fresh,
        }
        true
    }
}

#[inline]
pub(crate) fn linear(_of: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    let accumulated = i128::from(from.word(0) as Time);
    Some(match from.word(1) as Time {
        NOT_SINCE => Linear::exact(accumulated),
        since => Linear::Exact { value: accumulated + i128::from(from.now()) - i128::from(since), slope: 1 },
    })
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn absence_is_not_counted() {
        check(|p| Op::DurationWhere { of: p.state('b') }, "0: b; 3: !b; 5: b=; 6: b", "0 1 2 3 3 3 3 4 5");
    }
}
