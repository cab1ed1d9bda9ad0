//! `held_for(b, D)`: true once a condition has been true for `D`.

use crate::incremental::parts::{Bool, Compiling, Instruction, NOT_SINCE, Pass, Row, put, truth};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId, length: Time) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "held_for",
        form: Notation::Call,
        parameters: vec![Parameter::Window(length)],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::After(length),
        due: DeadlineSlot::After(0, length),
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Since],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, _length: Time, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(Type::Bool)] => Some(TimelineKind::State(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, length: Time, to: &mut Compiling<'_>) -> Instruction {
    Instruction::HeldFor(Step { on: to.n(of), of: to.bool(of), at: to.at(), out: to.own_bool(), length })
}

/// The word is since when the condition is true.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: Bool,
    at: usize,
    out: Bool,
    length: Time,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, of, at, out, length } = self;
        if pass.is_dirty(*on) {
            let held = of.get(row.words) == truth::TRUE;
            let since = row.words[*at] as Time;
            if !held {
                row.words[*at] = NOT_SINCE as u64;
            } else if since == NOT_SINCE {
                row.words[*at] = pass.now as u64;
            }
        }
        let since = row.words[*at] as Time;
        put(row, *out, u64::from(since != NOT_SINCE && since.saturating_add(*length) <= pass.now))
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn what_is_shorter_leaves_no_trace() {
        check(
            |p| Op::HeldFor { of: p.state('b'), length: 2 },
            "0: b; 1: !b; 2: b; 6: !b",
            "false false false false true true false",
        );
    }
}
