//! `!a`: Kleene negation.

use crate::Type;
use crate::incremental::parts::{Bool, Compiling, Instruction, Pass, Row, put, truth};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "not",
        form: Notation::Own,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(Type::Bool)] => Some(TimelineKind::State(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Not(Step { on: to.n(of), of: to.bool(of), out: to.own_bool() })
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: Bool,
    out: Bool,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        pass.is_dirty(self.on) && {
            let value = match self.of.get(row.words) {
                truth::ABSENT => truth::ABSENT,
                value => value ^ 1,
            };
            put(row, self.out, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn absence_stays() {
        check(|p| Op::Not(p.state('b')), "0: b; 1: !b; 2: b=", "false true -");
    }
}
