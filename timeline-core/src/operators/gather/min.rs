//! `min(e)`: the least payload.

use super::extreme::OnPayload;
use crate::incremental::parts::{Compiling, Effect, Instruction};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "min",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Payloads,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Value(of)],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(ty)] if ty.is_numeric() => Some(TimelineKind::State(*ty)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    to.written(of, Effect::Extreme(OnPayload { at: to.at(), ty: to.payload(of), greatest: false }))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn it_is_absent_before_the_first() {
        check(|p| Op::Min { of: p.event('n') }, "0: n=; 1: n=4; 2: n=6; 3: n=2", "- 4 4 2");
    }
}
