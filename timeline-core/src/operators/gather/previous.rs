//! `previous(e, n)`: the payload of the event `n` before the last one.

use crate::incremental::parts::{Compiling, Effect, EffectContext, Instruction, Row};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, Op, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId, n: u16) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "previous",
        form: Notation::Call,
        parameters: vec![Parameter::Whole(n.into())],
        takes: CountedEvents::All,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Value(of); 1 + usize::from(n)],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, n: u16, made: &Made<'_>) -> Option<TimelineKind> {
    match (n, made.inputs) {
        (1..=Op::MAX_PREVIOUS, [TimelineKind::Event(ty)]) => Some(TimelineKind::State(*ty)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, n: u16, to: &mut Compiling<'_>) -> Instruction {
    to.written(of, Effect::Previous(OnPayload { at: to.at(), n: usize::from(n) }))
}

/// The value that is shown comes first, the last payload `n` words later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnPayload {
    at: usize,
    n: usize,
}

impl OnPayload {
    pub(crate) fn apply(self, _: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        let OnPayload { at, n } = self;
        row.words.copy_within(at + 1..=at + n, at);
        row.words[at + n] = payload;
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn nulls_count() {
        check(|p| Op::Previous { of: p.event('n'), n: 1 }, "0: n=1; 1: n=; 2: n=3; 3: n=4", "- 1 - 3");
    }
}
