//! `time_of(e)`: the matches, carrying their own instants.

use crate::Type;
use crate::incremental::parts::{Compiling, EventInput, Instruction, Pass, PassEvents, Row};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_event: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "time_of",
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

pub(crate) fn kind(_event: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_)] => Some(TimelineKind::Event(Type::Int)),
        _ => None,
    }
}

pub(crate) fn compile(event: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::TimeOf(Step { event: to.input(event) })
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    event: EventInput,
}

impl Step {
    pub(crate) fn emit(&self, pass: Pass<'_>, pass_events: &mut PassEvents, out: &mut Vec<u64>, _: &mut Row<'_>) {
        out.extend_from_slice(&pass_events.matches(pass, self.event));
        if !out.is_empty() {
            pass_events.say(pass.node, pass.now as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn matches_carry_their_instants() {
        let latest = |p: &mut crate::operators::testing::Bench| {
            let event = p.event('b');
            let of = p.add(Op::TimeOf { event });
            Op::Latest { of, ttl: None }
        };
        check(latest, "0: n=1; 1: b; 3: !b; 4: b; 4: b; 6: b=", "- 1 1 1 4 4 4");
    }
}
