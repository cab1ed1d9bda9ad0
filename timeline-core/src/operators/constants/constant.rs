//! A value that is always there.

use crate::Value;
use crate::incremental::parts::{Bool, Compiling, Instruction, Pass, Row};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, Notation, OperatorDescription, Parameter, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(value: &Value) -> OperatorDescription<'_> {
    OperatorDescription {
        name: "constant",
        form: Notation::Own,
        parameters: vec![Parameter::Value(value)],
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

pub(crate) fn kind(value: &Value, made: &Made<'_>) -> Option<TimelineKind> {
    made.inputs.is_empty().then(|| TimelineKind::State(value.ty()))
}

pub(crate) fn compile(value: &Value, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Constant(Step { out: to.own_bool(), value: to.word_of(value) })
}

/// Truth values have a place like all others; those of other constants is none.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    out: Bool,
    pub(crate) value: u64,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        if pass.fresh && self.out.word != 0 {
            self.out.set(row.words, self.value & 3);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use crate::Value;
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn it_is_always_there() {
        check(|_| Op::Constant(Value::text("a")), "0: b", "a a");
    }
}
