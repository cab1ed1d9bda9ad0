//! `a - b`.

use crate::Linear;
use crate::incremental::parts::{Compiling, Instruction, NumberReader, Pulled};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_a: NodeId, _b: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "sub",
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
        [TimelineKind::Number(a), TimelineKind::Number(b)] => a.minus(*b).map(TimelineKind::Number),
        _ => None,
    }
}

pub(crate) fn compile(a: NodeId, b: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Pulled(Pulled::of([to.n(a), to.n(b)]))
}

pub(crate) fn linear(a: NodeId, b: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    Some(from.number(a)?.sub(from.number(b)?))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::Unit;

    #[test]
    fn it_moves_as_its_sides_do() {
        check(
            |p| {
                let two = Op::ConstantNumber { numerator: 2, denominator: 1, unit: Unit::Duration };
                Op::Sub(p.moving(), p.add(two))
            },
            "0: b; 3: !b",
            "-2 -1 0 1 1",
        );
    }
}
