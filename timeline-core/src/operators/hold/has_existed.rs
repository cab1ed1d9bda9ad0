//! `has_existed(p)`: true from the first match on.

use crate::Type;
use crate::incremental::parts::{
    Bool, Compiling, Effect, EffectContext, Instruction, Pass, Row, Written, matches, put, truth,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "has_existed",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Matches,
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

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_) | TimelineKind::State(Type::Bool)] => Some(TimelineKind::State(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let out = to.own_bool();
    match to.kind(of) {
        TimelineKind::Event(_) => {
            let effect = Effect::HasExisted(OnMatch { out, predicate: to.is_predicate(of) });
            Instruction::Written(Written { columns: to.read(of, effect) })
        }
        _ => Instruction::StateExisted(Step { on: to.n(of), of: to.bool(of), out }),
    }
}

/// An event that matches is all that there is to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnMatch {
    out: Bool,
    predicate: bool,
}

impl OnMatch {
    #[inline(always)]
    pub(crate) fn apply(self, _: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) -> bool {
        matches(payload, self.predicate) && put(row, self.out, truth::TRUE)
    }
}

/// Over a condition.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: Bool,
    out: Bool,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        pass.is_dirty(self.on) && self.of.get(row.words) == truth::TRUE && put(row, self.out, truth::TRUE)
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn it_is_never_false_again() {
        check(|p| Op::HasExisted { of: p.event('b') }, "0: !b; 2: b; 3: !b", "false false true true");
    }

    #[test]
    fn a_condition_is_enough() {
        check(|p| Op::HasExisted { of: p.state('b') }, "0: !b; 2: b; 3: !b", "false false true true");
    }
}
