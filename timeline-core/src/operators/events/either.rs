//! `a || b` of events: wherever one of the two has a match.

use crate::Type;
use crate::incremental::parts::{Compiling, EventInput, Instruction, Pass, PassEvents, Row};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_a: NodeId, _b: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "either",
        form: Notation::Own,
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
        asks_order: true,
        charges: None,
    }
}

pub(crate) fn kind(_a: NodeId, _b: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_), TimelineKind::Event(_)] => Some(TimelineKind::Event(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(a: NodeId, b: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Either(Step { of: [to.input(a), to.input(b)] })
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    of: [EventInput; 2],
}

impl Step {
    pub(crate) fn emit(&self, pass: Pass<'_>, pass_events: &mut PassEvents, out: &mut Vec<u64>, _: &mut Row<'_>) {
        self.of.iter().for_each(|of| out.extend_from_slice(&pass_events.matches(pass, *of)));
        out.sort_unstable();
        out.dedup();
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_record_that_matches_both_is_one() {
        check(|p| Op::Either(p.event('b'), p.event('n')), "0: b n=1; 1: !b; 2: n=2", "1 1 2");
    }
}
