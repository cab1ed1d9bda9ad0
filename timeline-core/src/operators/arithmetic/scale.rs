//! A number times a whole number.

use crate::Linear;
use crate::incremental::parts::{Compiling, Instruction, NumberReader, Pulled};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Parameter,
    Straight, TimelineKind, Timer, Unit,
};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId, factor: i64) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "scale",
        form: Notation::Own,
        parameters: vec![Parameter::Whole(factor)],
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

pub(crate) fn kind(_of: NodeId, _factor: i64, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Number(unit)] if *unit != Unit::Instant => Some(TimelineKind::Number(*unit)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, _factor: i64, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Pulled(Pulled::of([to.n(of); 2]))
}

pub(crate) fn linear(of: NodeId, factor: i64, from: NumberReader<'_>) -> Option<Linear> {
    Some(from.number(of)?.scale(factor))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn it_moves_as_the_number_does() {
        check(|p| Op::Scale { of: p.moving(), factor: -2 }, "0: b; 2: !b", "0 -2 -4 -4");
    }
}
