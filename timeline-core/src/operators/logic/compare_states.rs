//! States compared: `latest(x) == "a"`.

use crate::Type;
use crate::incremental::parts::{
    ABSENT, Bool, ComparedTypes, Compiling, Instruction, Pass, Row, StateSlot, order, put, truth,
};
use crate::plan::{
    Compare, CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer, comparable,
};

pub(crate) mod meaning;

pub(crate) fn describe(compare: Compare, _left: NodeId, _right: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "states",
        form: Notation::Own,
        parameters: vec![Parameter::Word(compare.symbol())],
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

pub(crate) fn kind(_compare: Compare, _left: NodeId, _right: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(a), TimelineKind::State(b)] if comparable(*a, *b) => Some(TimelineKind::State(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(compare: Compare, left: NodeId, right: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let (types, of) = ((to.payload(left), to.payload(right)), [to.state(left), to.state(right)]);
    // Equal values of one type have equal words.
    let by_word = (types.0 == types.1).then_some(compare).and_then(|compare| match compare {
        Compare::Eq => Some(true),
        Compare::Ne => Some(false),
        _ => None,
    });
    Instruction::CompareStates(Step { on: [to.n(left), to.n(right)], compare, types, of, by_word, out: to.own_bool() })
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: [u16; 2],
    compare: Compare,
    types: ComparedTypes,
    of: [StateSlot; 2],
    /// What equal words say, where that is all that is asked.
    by_word: Option<bool>,
    out: Bool,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on: [a, b], compare, types, of: [left, right], by_word, out } = self;
        if !pass.is_dirty(*a) && !pass.is_dirty(*b) && !pass.fresh {
            return false;
        }
        let value = match (left.get(row.words), right.get(row.words)) {
            (ABSENT, _) | (_, ABSENT) => truth::ABSENT,
            (a, b) => u64::from(match by_word {
                Some(equal) => (a == b) == *equal,
                None => compare.holds(order(*types, a, b, pass.dictionary)),
            }),
        };
        put(row, *out, value)
    }
}

#[cfg(test)]
mod tests {
    use crate::Value;
    use crate::operators::testing::check;
    use crate::plan::Compare;
    use crate::plan::Op;

    #[test]
    fn absence_compares_with_nothing() {
        check(
            |p| Op::CompareStates {
                compare: Compare::Lt,
                left: p.state('n'),
                right: p.add(Op::Constant(Value::Int(3))),
            },
            "0: n=2; 1: n=3; 2: n=",
            "true false -",
        );
    }
}
