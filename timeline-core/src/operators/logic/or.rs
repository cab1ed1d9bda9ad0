//! `a || b`: Kleene disjunction.

use crate::Type;
use crate::incremental::parts::{Bool, Compiling, Instruction, Pass, Row, put, truth};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_a: NodeId, _b: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "or",
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

pub(crate) fn kind(_a: NodeId, _b: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(Type::Bool), TimelineKind::State(Type::Bool)] => Some(TimelineKind::State(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(a: NodeId, b: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Or(Step { on: [to.n(a), to.n(b)], of: [to.bool(a), to.bool(b)], out: to.own_bool() })
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: [u16; 2],
    of: [Bool; 2],
    out: Bool,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on: [a, b], of: [x, y], out } = self;
        (pass.is_dirty(*a) || pass.is_dirty(*b)) && put(row, *out, either(x.get(row.words), y.get(row.words)))
    }
}

#[inline]
fn either(a: u64, b: u64) -> u64 {
    match (a, b) {
        (truth::TRUE, _) | (_, truth::TRUE) => truth::TRUE,
        (truth::FALSE, truth::FALSE) => truth::FALSE,
        _ => truth::ABSENT,
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn true_decides() {
        check(
            |p| {
                let seen = Op::HasExisted { of: p.event('s') };
                Op::Or(p.state('b'), p.add(seen))
            },
            "0: b=; 1: s=a",
            "- true",
        );
    }
}
