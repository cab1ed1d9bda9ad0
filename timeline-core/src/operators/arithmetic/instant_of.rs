//! Whole nanoseconds since 1970 read as an instant.

use crate::incremental::parts::{ABSENT, Compiling, Instruction, NumberReader, Pulled};
use crate::plan::{Cumulative, Description, Due, Form, Kind, Made, Memory, NodeId, Straight, Takes, Timer, Unit};
use crate::{Linear, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> Description<'static> {
    Description {
        name: "instant_of",
        form: Form::Own,
        parameters: vec![],
        takes: Takes::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: Due::Never,
        memory: Memory::Constant,
        words: vec![],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<Kind> {
    match made.inputs {
        [Kind::State(Type::Int)] => Some(Kind::Number(Unit::Instant)),
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
