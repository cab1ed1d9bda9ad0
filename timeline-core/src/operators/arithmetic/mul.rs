//! `a * b`, of which at most one moves.

use crate::Linear;
use crate::incremental::parts::{Compiling, Instruction, NumberReader, Pulled};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer, Unit,
};

pub(crate) mod meaning;

pub(crate) fn describe(_a: NodeId, _b: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "mul",
        form: Notation::Own,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::TimesConstant,
        straight: Straight::WhereOneMoves("a product"),
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
        [TimelineKind::Number(a), TimelineKind::Number(b)] => product(*a, *b).map(TimelineKind::Number),
        _ => None,
    }
}

/// The unit of a product. A duration times a float is no whole number of nanoseconds: a float times seconds.
fn product(a: Unit, b: Unit) -> Option<Unit> {
    match (a, b) {
        (Unit::Int, Unit::Int) => Some(Unit::Int),
        (Unit::Int | Unit::Float, Unit::Int | Unit::Float) => Some(Unit::Float),
        (Unit::Duration, Unit::Int) | (Unit::Int, Unit::Duration) => Some(Unit::Duration),
        (Unit::Duration | Unit::Area, Unit::Float) | (Unit::Float, Unit::Duration | Unit::Area) => Some(Unit::Area),
        (Unit::Area, Unit::Int) | (Unit::Int, Unit::Area) => Some(Unit::Area),
        (Unit::Duration | Unit::Area, Unit::Duration | Unit::Area) | (Unit::Instant, _) | (_, Unit::Instant) => None,
    }
}

pub(crate) fn compile(a: NodeId, b: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Pulled(Pulled::of([to.n(a), to.n(b)]))
}

pub(crate) fn linear(a: NodeId, b: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    Some(from.number(a)?.times(from.number(b)?))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn one_side_may_move() {
        check(|p| Op::Mul(p.number('n'), p.moving()), "0: b n=2; 2: n=3", "0 2 6 9");
    }
}
