//! `coalesce(a, b)`: the first that has a value.

use crate::Linear;
use crate::incremental::parts::{
    ABSENT, ChoiceSlot, Compiling, Instruction, NumberReader, Pass, Pulled, Row, StateSlot,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_a: NodeId, _b: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "coalesce",
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

pub(crate) fn kind(_a: NodeId, _b: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [a, b] => a.joined(*b),
        _ => None,
    }
}

pub(crate) fn compile(a: NodeId, b: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let on = [to.n(a), to.n(b)];
    match to.out() {
        None => Instruction::Pulled(Pulled::of(on)),
        Some(out) => Instruction::Coalesce(Step { on, of: [to.state(a), to.state(b)], out }),
    }
}

/// Of states.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: [u16; 2],
    of: [StateSlot; 2],
    out: ChoiceSlot,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on: [a, b], of: [first, second], out } = self;
        (pass.is_dirty(*a) || pass.is_dirty(*b)) && {
            let value = match first.get(row.words) {
                ABSENT => second.get(row.words),
                value => value,
            };
            out.put(row, value) || pass.fresh
        }
    }
}

pub(crate) fn linear(a: NodeId, b: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    from.number(a).or_else(|| from.number(b)).map(|piece| piece.in_unit(from.unit()))
}

#[cfg(test)]
mod tests {
    use crate::Value;
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn the_second_fills_in() {
        check(|p| Op::Coalesce(p.state('n'), p.add(Op::Constant(Value::Int(7)))), "0: s=a; 1: n=3; 2: n=", "7 3 7");
    }
}
