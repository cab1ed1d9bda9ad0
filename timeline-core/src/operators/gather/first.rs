//! `first(e)`: the first payload.

use crate::incremental::parts::{ABSENT, Compiling, Effect, EffectContext, Instruction, Row};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "first",
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
        [TimelineKind::Event(ty)] => Some(TimelineKind::State(*ty)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    to.written(of, Effect::First(OnPayload { at: to.at() }))
}

/// Only the first one that says something counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnPayload {
    at: usize,
}

impl OnPayload {
    pub(crate) fn apply(self, _: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        if row.words[self.at] == ABSENT {
            row.words[self.at] = payload;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn nulls_are_skipped() {
        check(|p| Op::First { of: p.event('n') }, "0: n=; 1: n=4; 2: n=5", "- 4 4");
    }
}
