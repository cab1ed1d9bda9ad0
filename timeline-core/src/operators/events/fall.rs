//! `fall(b)`: an event wherever a condition stops being true.

use super::turn;
use crate::Type;
use crate::incremental::parts::{Compiling, Instruction};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "fall",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Zero],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(Type::Bool)] => Some(TimelineKind::Event(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    turn::compile(of, true, to)
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn absence_is_one_too() {
        check(|p| Op::Fall { of: p.state('b') }, "0: b; 1: !b; 2: b; 3: b=", "0 1 1 2");
    }
}
