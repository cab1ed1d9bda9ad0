//! `event<T>`: one event for every record in which at least one of the expression's columns is present.

use crate::incremental::parts::{Compiling, Effect, GatherEffect, Gathered, Instruction};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, EventExpr, Made, MemoryClass, Notation, OperatorDescription, Parameter,
    Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(e: &EventExpr) -> OperatorDescription<'_> {
    OperatorDescription {
        name: "event",
        form: Notation::Own,
        parameters: vec![Parameter::Expression(e)],
        takes: CountedEvents::All,
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

pub(crate) fn kind(e: &EventExpr, made: &Made<'_>) -> Option<TimelineKind> {
    if made.inputs.is_empty() { made.expression_type(e, &[]).map(TimelineKind::Event) } else { None }
}

/// Its events act where they are read; where somebody asks which came before which, their ranks are noted.
pub(crate) fn compile(_e: &EventExpr, to: &mut Compiling<'_>) -> Instruction {
    let id = to.id();
    if !to.is_gathered() {
        return Instruction::Nothing;
    }
    let effect = Effect::Gather(GatherEffect { cell: to.cell(), predicate: to.is_predicate(id) });
    Instruction::Gathered(Gathered { columns: to.read(id, effect), cell: to.cell() })
}

#[cfg(test)]
mod tests {
    use crate::Value;
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::{Compare, EventExpr};

    #[test]
    fn a_column_that_is_null_says_nothing() {
        check(
            |p| {
                let two = Box::new(EventExpr::Constant(Value::Int(2)));
                Op::Event(EventExpr::Compare(Compare::Gt, Box::new(p.column('n')), two))
            },
            "0: n=1; 1: n=3; 2: n=",
            "0 1 1",
        );
    }
}
