//! `previous(e, n)`: the payload of the event `n` before the last one.

use crate::incremental::parts::{Compiling, Effect, EffectContext, Instruction, Row};
use crate::plan::{
    Cumulative, Description, Due, Form, Kind, Made, Memory, NodeId, Op, Parameter, Straight, Takes, Timer, Word,
};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId, n: u16) -> Description<'static> {
    Description {
        name: "previous",
        form: Form::Call,
        parameters: vec![Parameter::Whole(n.into())],
        takes: Takes::All,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: Due::Never,
        memory: Memory::Constant,
        words: vec![Word::Value(of); 1 + usize::from(n)],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, n: u16, made: &Made<'_>) -> Option<Kind> {
    match (n, made.inputs) {
        (1..=Op::MAX_PREVIOUS, [Kind::Event(ty)]) => Some(Kind::State(*ty)),
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
