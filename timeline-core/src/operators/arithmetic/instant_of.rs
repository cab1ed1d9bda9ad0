//! Whole nanoseconds since 1970 read as an instant.

use crate::incremental::parts::{ABSENT, Compiling, Instruction, NumberReader, Pulled};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer, Unit,
};
use crate::{Linear, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "instant_of",
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
        [TimelineKind::State(Type::Int)] => Some(TimelineKind::Number(Unit::Instant)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Pulled(Pulled::of([to.n(of); 2]))
}

pub(crate) fn linear(of: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    match from.compiled.state(of).get(from.row.words) {
        ABSENT => None,
        word => Some(Linear::exact(i128::from(word as i64))),
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn the_difference_of_instants_is_a_duration() {
        let op = |p: &mut crate::operators::testing::Bench| {
            let (event, other) = (p.event('b'), p.event('n'));
            let instant = |p: &mut crate::operators::testing::Bench, event| {
                let of = p.add(Op::TimeOf { event });
                let of = p.add(Op::Latest { of, ttl: None });
                p.add(Op::InstantOf(of))
            };
            Op::Sub(instant(p, event), instant(p, other))
        };
        check(op, "0: b; 1: n=3; 5: b", "- -1 -1 -1 -1 4");
    }
}
