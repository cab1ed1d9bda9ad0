//! `count(p)`: how many matches there were.

use crate::Linear;
use crate::incremental::parts::{
    Compiling, Effect, EffectContext, Instruction, NumberReader, Row, Written, keep, matches,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer, Unit,
};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "count",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Matches,
        moves: false,
        cumulative: Cumulative::Always,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Counted],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_)] => Some(TimelineKind::Number(Unit::Int)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let effect = Effect::Count(OnMatch { at: to.at(), predicate: to.is_predicate(of), charged: to.keeps_before() });
    Instruction::Written(Written { columns: to.read(of, effect) })
}

/// A match is one more. `charged`: what it was before the instant is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnMatch {
    at: usize,
    predicate: bool,
    charged: bool,
}

impl OnMatch {
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        if matches(payload, self.predicate) {
            keep(row, (self.at, 1), self.charged, setting.time);
            row.words[self.at] += 1;
        }
    }
}

pub(crate) fn linear(_of: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    Some(from.counted(from.at))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn every_event_of_an_instant_counts() {
        check(|p| Op::Count { of: p.event('b') }, "0: b; 0: b; 1: !b; 2: b", "2 2 3");
    }
}
