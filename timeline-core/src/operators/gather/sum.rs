//! `sum(e)`: the sum of the payloads.

use crate::incremental::parts::{
    ABSENT, Compiling, Effect, EffectContext, Instruction, NumberReader, Row, Written, keep,
};
use crate::number::add_finite;
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "sum",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Payloads,
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
        [TimelineKind::Event(Type::Int)] => Some(TimelineKind::Number(Unit::Int)),
        [TimelineKind::Event(Type::Float)] => Some(TimelineKind::Number(Unit::Float)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let effect = Effect::Sum(OnPayload { at: to.at(), ty: to.payload(of), charged: to.keeps_before() });
    Instruction::Written(Written { columns: to.read(of, effect) })
}

/// A payload is added. `charged`: what the sum was before the instant is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnPayload {
    at: usize,
    ty: Type,
    charged: bool,
}

impl OnPayload {
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        let OnPayload { at, ty, charged } = self;
        if payload == ABSENT {
            return;
        }
        if ty == Type::Float {
            keep(row, (at, 2), charged, setting.time);
            let sum = (f64::from_bits(row.words[at]), f64::from_bits(row.words[at + 1]));
            let (sum, rest) = add_finite(sum, f64::from_bits(payload));
            (row.words[at], row.words[at + 1]) = (sum.to_bits(), rest.to_bits());
        } else {
            keep(row, (at, 1), charged, setting.time);
            row.words[at] = (row.words[at] as i64).saturating_add(payload as i64) as u64;
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
    fn nulls_are_skipped() {
        check(|p| Op::Sum { of: p.event('n') }, "0: n=2; 0: n=3; 1: n=; 2: n=-1", "5 5 4");
    }

    #[test]
    fn floats_are_added_one_after_another() {
        check(|p| Op::Sum { of: p.event('x') }, "0: x=0.5; 1: x=0.25", "0.5 0.75");
    }
}
