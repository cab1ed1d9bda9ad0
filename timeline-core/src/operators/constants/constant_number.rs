//! A number that is always the same: a decimal as a quotient, so that it stays exact.

use crate::Linear;
use crate::incremental::parts::{Compiling, Instruction, NumberReader};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, Notation, OperatorDescription, Parameter, Straight,
    TimelineKind, Timer, Unit,
};

pub(crate) mod meaning;

pub(crate) fn describe(numerator: i64, denominator: i64, unit: Unit) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "number",
        form: Notation::Own,
        parameters: vec![Parameter::Whole(numerator), Parameter::Whole(denominator), Parameter::Unit(unit)],
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

pub(crate) fn kind(_numerator: i64, denominator: i64, unit: Unit, made: &Made<'_>) -> Option<TimelineKind> {
    (made.inputs.is_empty() && denominator > 0).then_some(TimelineKind::Number(unit))
}

pub(crate) fn compile(_numerator: i64, _denominator: i64, _unit: Unit, _to: &mut Compiling<'_>) -> Instruction {
    Instruction::Nothing
}

pub(crate) fn linear(numerator: i64, denominator: i64, unit: Unit, _from: NumberReader<'_>) -> Option<Linear> {
    Some(if denominator == 1 && !unit.is_float() {
        Linear::exact(i128::from(numerator))
    } else {
        Linear::float(numerator as f64 / denominator as f64)
    })
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::Unit;

    #[test]
    fn a_decimal_is_a_quotient() {
        check(|_| Op::ConstantNumber { numerator: 1, denominator: 10, unit: Unit::Float }, "0: b", "0.1 0.1");
    }
}
