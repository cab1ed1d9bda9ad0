//! `if(c, a, b)`: one of two, as a condition says. A condition that is absent is not true.

use crate::incremental::parts::{
    Bool, ChoiceSlot, Compiling, Instruction, NumberReader, Pass, PulledOfThree, Row, StateSlot, truth,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer,
};
use crate::{Linear, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_condition: NodeId, _then: NodeId, _otherwise: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "if",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Own],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_condition: NodeId, _then: NodeId, _otherwise: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(Type::Bool), a, b] => a.joined(*b),
        _ => None,
    }
}

pub(crate) fn compile(condition: NodeId, then: NodeId, otherwise: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let on = [to.n(condition), to.n(then), to.n(otherwise)];
    match to.out() {
        None => Instruction::PulledOfThree(PulledOfThree { inputs: on }),
        Some(out) => {
            let of = [to.state(then), to.state(otherwise)];
            Instruction::If(Step { on, condition: to.bool(condition), of, out })
        }
    }
}

/// Between states.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: [u16; 3],
    condition: Bool,
    of: [StateSlot; 2],
    out: ChoiceSlot,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, condition, of: [then, otherwise], out } = self;
        on.iter().any(|on| pass.is_dirty(*on)) && {
            let holds = condition.get(row.words) == truth::TRUE;
            let value = if holds { then.get(row.words) } else { otherwise.get(row.words) };
            out.put(row, value) || pass.fresh
        }
    }
}

pub(crate) fn linear(condition: NodeId, then: NodeId, otherwise: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    let holds = from.compiled.bool(condition).get(from.row.words) == truth::TRUE;
    from.number(if holds { then } else { otherwise }).map(|piece| piece.in_unit(from.unit()))
}

#[cfg(test)]
mod tests {
    use crate::Value;
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::Unit;

    #[test]
    fn a_condition_that_is_absent_is_not_true() {
        check(
            |p| Op::If { condition: p.state('b'), then: p.state('n'), otherwise: p.add(Op::Constant(Value::Int(0))) },
            "0: n=5; 1: b; 2: !b; 3: b n=",
            "0 5 0 -",
        );
    }

    #[test]
    fn numbers_go_on_where_they_are_chosen() {
        check(
            |p| {
                let nine = Op::ConstantNumber { numerator: 9, denominator: 1, unit: Unit::Duration };
                Op::If { condition: p.state('b'), then: p.moving(), otherwise: p.add(nine) }
            },
            "0: b; 2: !b",
            "0 1 9 9",
        );
    }
}
