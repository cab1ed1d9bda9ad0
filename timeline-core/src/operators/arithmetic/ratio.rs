//! `a / b`, kept as its two sides.

use crate::incremental::parts::{Compiling, Instruction, Pulled};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, RatioUnit,
    Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_numerator: NodeId, _denominator: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "ratio",
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

pub(crate) fn kind(_numerator: NodeId, _denominator: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Number(a), TimelineKind::Number(b)] => RatioUnit::of(*a, *b).map(TimelineKind::Ratio),
        _ => None,
    }
}

pub(crate) fn compile(numerator: NodeId, denominator: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Pulled(Pulled::of([to.n(numerator), to.n(denominator)]))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::Unit;

    #[test]
    fn both_sides_are_kept() {
        check(
            |p| {
                let four = Op::ConstantNumber { numerator: 4, denominator: 1, unit: Unit::Duration };
                Op::Ratio { numerator: p.moving(), denominator: p.add(four) }
            },
            "0: b; 2: !b",
            "0/4 1/4 2/4 2/4",
        );
    }
}
