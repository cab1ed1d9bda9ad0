//! `at(e, x)`: the matches, carrying what a timeline is at their instants.

use crate::incremental::parts::{Compiling, EventInput, EventPayload, Instruction, Pass, PassEvents, Row};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_event: NodeId, _of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "at",
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
        asks_order: true,
        charges: None,
    }
}

pub(crate) fn kind(_event: NodeId, _of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_), of] => of.sampled().map(TimelineKind::Event),
        _ => None,
    }
}

pub(crate) fn compile(event: NodeId, of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::At(Step { event: to.input(event), of: to.sample(of) })
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    event: EventInput,
    of: EventPayload,
}

impl Step {
    pub(crate) fn emit(&self, pass: Pass<'_>, pass_events: &mut PassEvents, out: &mut Vec<u64>, row: &mut Row<'_>) {
        out.extend_from_slice(&pass_events.matches(pass, self.event));
        if !out.is_empty() {
            pass_events.say(pass.node, self.of.word(pass.compiled, row));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_number_is_sampled_as_it_moves() {
        check(
            |p| {
                let at = Op::At { event: p.event('n'), of: p.moving() };
                Op::Sum { of: p.add(at) }
            },
            "0: b; 1: n=1; 3: n=1",
            "0 1 1 4",
        );
    }
}
