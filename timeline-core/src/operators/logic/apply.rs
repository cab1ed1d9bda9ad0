//! Functions of what states, and numbers that change in steps, say.

use crate::Type;
use crate::incremental::parts::{
    ABSENT, ApartPass, ChoiceSlot, Compiling, EventPayload, Instruction, Row, value_of, word_of,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Scalar, Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(function: Scalar, _of: &[NodeId]) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "apply",
        form: Notation::Own,
        parameters: vec![Parameter::Word(function.name())],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::WhereNoneMoves("a function"),
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Own],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(function: Scalar, _of: &[NodeId], made: &Made<'_>) -> Option<TimelineKind> {
    let types: Option<Vec<Type>> = made.inputs.iter().map(|kind| kind.stepped()).collect();
    types.and_then(|types| function.result(&types)).map(TimelineKind::State)
}

pub(crate) fn compile(function: Scalar, of: &[NodeId], to: &mut Compiling<'_>) -> Instruction {
    let argument = |of: &NodeId| {
        let ty = to.kind(*of).stepped().expect("the builder checked the types");
        (to.n(*of), to.sample(*of), ty)
    };
    let of = of.iter().map(argument).collect();
    Instruction::Apply(Step { function, of, out: to.out().expect("a function makes a state") })
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    function: Scalar,
    of: Vec<(u16, EventPayload, Type)>,
    out: ChoiceSlot,
}

impl Step {
    pub(crate) fn run(&self, pass: &mut ApartPass<'_>, row: &mut Row<'_>) -> bool {
        let Step { function, of, out } = self;
        if !pass.fresh && !of.iter().any(|(on, _, _)| pass.is_dirty(*on)) {
            return false;
        }
        let argument =
            |(_, of, ty): &(u16, EventPayload, Type)| value_of(of.word(pass.compiled, row), *ty, pass.dictionary);
        let arguments: Vec<_> = of.iter().map(argument).collect();
        let value = function.apply(&arguments).map_or(ABSENT, |value| word_of(&value, pass.dictionary));
        out.put(row, value) || pass.fresh
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::Scalar;

    #[test]
    fn a_function_of_nothing_is_nothing() {
        check(|p| Op::Apply { function: Scalar::Round, of: vec![p.state('x')] }, "0: x=1.4; 1: x=2.5; 2: x=", "1 3 -");
    }
}
