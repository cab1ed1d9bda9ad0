//! `rise(b)`: an event wherever a condition becomes true.

use super::turn;
use crate::Type;
use crate::incremental::parts::{Compiling, Instruction};
use crate::plan::{Cumulative, Description, Due, Form, Kind, Made, Memory, NodeId, Straight, Takes, Timer, Word};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> Description<'static> {
    Description {
        name: "rise",
        form: Form::Call,
        parameters: vec![],
        takes: Takes::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: Due::Never,
        memory: Memory::Constant,
        words: vec![Word::Zero],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<Kind> {
    match made.inputs {
        [Kind::State(Type::Bool)] => Some(Kind::Event(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    turn::compile(of, false, to)
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn the_beginning_is_one() {
        check(|p| Op::Rise { of: p.state('b') }, "0: b; 1: !b; 2: b; 3: b", "1 1 2 2");
    }
}
