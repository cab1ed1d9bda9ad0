//! `max(e)`: the greatest payload.

use super::extreme::OnPayload;
use crate::incremental::parts::{Compiling, Effect, Instruction};
use crate::plan::{Cumulative, Description, Due, Form, Kind, Made, Memory, NodeId, Straight, Takes, Timer, Word};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId) -> Description<'static> {
    Description {
        name: "max",
        form: Form::Call,
        parameters: vec![],
        takes: Takes::Payloads,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: Due::Never,
        memory: Memory::Constant,
        words: vec![Word::Value(of)],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<Kind> {
    match made.inputs {
        [Kind::Event(ty)] if ty.is_numeric() => Some(Kind::State(*ty)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    to.written(of, Effect::Extreme(OnPayload { at: to.at(), ty: to.payload(of), greatest: true }))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn it_is_absent_before_the_first() {
        check(|p| Op::Max { of: p.event('n') }, "0: n=; 1: n=4; 2: n=6; 3: n=2", "- 4 6 6");
    }
}
