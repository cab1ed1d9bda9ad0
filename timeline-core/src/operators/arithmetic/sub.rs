//! `a - b`.

use crate::Linear;
use crate::incremental::parts::{Compiling, Instruction, NumberReader, Pulled};
use crate::plan::{Cumulative, Description, Due, Form, Kind, Made, Memory, NodeId, Straight, Takes, Timer};

pub(crate) mod meaning;

pub(crate) fn describe(_a: NodeId, _b: NodeId) -> Description<'static> {
    Description {
        name: "sub",
        form: Form::Own,
        parameters: vec![],
        takes: Takes::Nothing,
        moves: false,
        cumulative: Cumulative::WithInputs,
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

pub(crate) fn kind(_a: NodeId, _b: NodeId, made: &Made<'_>) -> Option<Kind> {
    match made.inputs {
        [Kind::Number(a), Kind::Number(b)] => a.minus(*b).map(Kind::Number),
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
