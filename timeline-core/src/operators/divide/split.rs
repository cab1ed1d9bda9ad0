//! `x split by d`: what each value of the dimensions is charged with.

use crate::incremental::parts::{Compiling, Instruction, NumberReader, Pass, Row, StateSlot};
use crate::incremental::split;
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, Op, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Linear, Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId, by: &[NodeId], cap: u32) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "split",
        form: Notation::Own,
        parameters: vec![Parameter::Whole(cap.into())],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::OfInput(of),
        due: DeadlineSlot::Word(1),
        memory: MemoryClass::CapOfInput(of),
        words: vec![KeptWord::InForce, KeptWord::Due, KeptWord::Entries],
        entry: Some(by.iter().map(|id| KeptWord::Value(*id)).chain([KeptWord::Share(of)]).collect()),
        asks_order: false,
        charges: Some(of),
    }
}

pub(crate) fn kind(of: NodeId, by: &[NodeId], cap: u32, made: &Made<'_>) -> Option<TimelineKind> {
    let ((1..=Op::MAX_REMEMBERED), [kind, dimensions @ ..]) = (cap, made.inputs) else { return None };
    // One clock at most has windows.
    let clocks = by.iter().filter(|id| matches!(made.plan.node(**id).op, Op::Every(_))).count();
    if by.is_empty() || clocks > 1 || !dimensions.iter().all(|kind| matches!(kind, TimelineKind::State(_))) {
        return None;
    }
    match kind {
        TimelineKind::Number(_) | TimelineKind::Ratio(_) if made.plan.can_split(of) => Some(*kind),
        TimelineKind::State(Type::Bool) if made.plan.counted_at_once(of) == Some(of) => Some(*kind),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, by: &[NodeId], _cap: u32, to: &mut Compiling<'_>) -> Instruction {
    let by = by.iter().map(|id| (to.n(*id), to.state(*id))).collect();
    // What is looked back at, or counted at once, goes on within an entry too.
    let follows = matches!(to.op(of), Op::OverLast { .. } | Op::Concurrency { .. });
    Instruction::Split(Step { by, of: to.n(of), at: to.at(), follows })
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) by: Vec<(u16, StateSlot)>,
    of: u16,
    at: usize,
    /// Whether there is something to do where no other entry comes into force.
    follows: bool,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { by, of, at, follows } = self;
        let switched = pass.fresh || by.iter().any(|(on, _)| pass.is_dirty(*on));
        if switched || *follows && (pass.is_dirty(*of) || row.words[at + 1] as Time <= pass.now) {
            split::update(pass.compiled, row, pass.node, switched, pass.fresh);
        }
        false
    }
}

/// What all shares come to.
pub(crate) fn linear(of: NodeId, _by: &[NodeId], _cap: u32, from: NumberReader<'_>) -> Option<Linear> {
    from.number(of)
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_switch_splits_what_goes_on() {
        check(
            |p| Op::Split { of: p.moving(), by: vec![p.state('s')], cap: 10 },
            "0: b s=a; 2: s=b; 3: !b",
            "a=0 a=1 a=2,b=0 a=2,b=1",
        );
    }
}
