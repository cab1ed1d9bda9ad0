//! `since(a, b)`: a condition has held at every instant since the last one at which another did.

use crate::Type;
use crate::incremental::parts::{Bool, Compiling, Instruction, Pass, Row, put, truth};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_held: NodeId, _begun: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "since",
        form: Notation::Call,
        parameters: vec![],
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

pub(crate) fn kind(_held: NodeId, _begun: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(Type::Bool), TimelineKind::State(Type::Bool)] => Some(TimelineKind::State(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(held: NodeId, begun: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let (on, of) = ([to.n(held), to.n(begun)], [to.bool(held), to.bool(begun)]);
    Instruction::Since(Step { on, of, out: to.own_bool() })
}

/// What it says is all that it has to know: while the second condition holds it is the first one, and from then on it is
/// true for as long as that stays so.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: [u16; 2],
    of: [Bool; 2],
    out: Bool,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on: [a, b], of: [held, begun], out } = self;
        if !pass.fresh && !pass.is_dirty(*a) && !pass.is_dirty(*b) {
            return false;
        }
        let holds = held.get(row.words) == truth::TRUE;
        let goes_on = begun.get(row.words) == truth::TRUE || out.get(row.words) == truth::TRUE;
        put(row, *out, u64::from(holds && goes_on)) || pass.fresh
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Compare;
    use crate::plan::Op;

    #[test]
    fn it_lasts_until_the_condition_breaks() {
        let op = |p: &mut crate::operators::testing::Bench| {
            let (left, right) = (p.number('n'), p.add(one()));
            let begun = p.add(Op::CompareNumbers { compare: Compare::Eq, left, right });
            Op::Since { held: p.state('b'), begun }
        };
        check(op, "0: b; 1: n=1; 2: n=0; 4: !b; 5: b; 6: n=1", "false true true true false false true");
    }

    #[test]
    fn the_condition_must_hold_just_before_the_other_ends() {
        let op = |p: &mut crate::operators::testing::Bench| {
            let (left, right) = (p.number('n'), p.add(one()));
            let begun = p.add(Op::CompareNumbers { compare: Compare::Eq, left, right });
            Op::Since { held: p.state('b'), begun }
        };
        check(op, "0: !b n=1; 2: b n=0; 3: n=1; 4: b= n=0; 5: b", "false false false true false false");
    }

    fn one() -> Op {
        Op::ConstantNumber { numerator: 1, denominator: 1, unit: crate::plan::Unit::Int }
    }
}
