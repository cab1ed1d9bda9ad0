//! `a + b`.

use crate::Linear;
use crate::incremental::parts::{Compiling, Instruction, NumberReader, Pulled};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_a: NodeId, _b: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "add",
        form: Notation::Own,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::WithInputs,
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
        [TimelineKind::Number(a), TimelineKind::Number(b)] => a.plus(*b).map(TimelineKind::Number),
        _ => None,
    }
}

pub(crate) fn compile(a: NodeId, b: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Pulled(Pulled::of([to.n(a), to.n(b)]))
}

pub(crate) fn linear(a: NodeId, b: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    Some(from.number(a)?.add(from.number(b)?))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn both_sides_are_needed() {
        check(|p| Op::Add(p.number('n'), p.number('x')), "0: n=1 x=0.5; 1: x=", "1.5 -");
    }
}
