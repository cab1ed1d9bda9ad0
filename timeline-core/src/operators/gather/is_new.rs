//! `is_new(e, cap N)`: whether the last payload came for the first time.

use crate::incremental::parts::{ABSENT, Bool, Compiling, Effect, EffectContext, Instruction, Row, Written};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, Op, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId, cap: u32) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "is_new",
        form: Notation::Own,
        parameters: vec![Parameter::Whole(cap.into())],
        takes: CountedEvents::Payloads,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Cap,
        words: vec![KeptWord::Forgotten],
        entry: Some(vec![KeptWord::Value(of), KeptWord::Zero]),
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, cap: u32, made: &Made<'_>) -> Option<TimelineKind> {
    match (cap, made.inputs) {
        (1..=Op::MAX_REMEMBERED, [TimelineKind::Event(_)]) => Some(TimelineKind::State(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, cap: u32, to: &mut Compiling<'_>) -> Instruction {
    let effect = Effect::IsNew(OnPayload { at: to.at(), out: to.own_bool(), cell: to.cell(), cap: cap as usize });
    Instruction::Written(Written { columns: to.read(of, effect) })
}

/// Values are kept with when they were first seen, the one that was seen last at the end. The word is how many were
/// forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnPayload {
    at: usize,
    out: Bool,
    cell: usize,
    cap: usize,
}

impl OnPayload {
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        let OnPayload { at, out, cell, cap } = self;
        if payload == ABSENT {
            return;
        }
        let time = setting.time;
        let kept = &mut row.heap.cell_mut(setting.layout, cell).entries;
        let known = kept.as_chunks::<2>().0.iter().position(|[value, _]| *value == payload);
        let first = known.map_or(time as u64, |place| kept.drain(2 * place..2 * place + 2).next_back().unwrap_or(0));
        kept.extend([payload, first]);
        if kept.len() > 2 * cap {
            kept.drain(..2);
            row.words[at] += 1;
        }
        out.set(row.words, u64::from(first as Time == time));
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn what_was_forgotten_is_new_again() {
        check(
            |p| Op::IsNew { of: p.event('s'), cap: 2 },
            "0: s=a; 1: s=b; 2: s=a; 3: s=c; 4: s=b",
            "true true false true true",
        );
    }
}
