//! `changes(s)`: an event wherever a state goes from one value to another.

use crate::Type;
use crate::incremental::parts::{ABSENT, AFTER_ALL, Compiling, Instruction, Pass, PassEvents, Row, StateSlot};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "changes",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Nothing,
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
        [TimelineKind::State(_)] => Some(TimelineKind::Event(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Changes(Step { on: to.n(of), of: to.state(of), at: to.at() })
}

/// The word is the value before.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: StateSlot,
    at: usize,
}

impl Step {
    pub(crate) fn emit(&self, pass: Pass<'_>, _: &mut PassEvents, out: &mut Vec<u64>, row: &mut Row<'_>) {
        let Step { on, of, at } = self;
        if pass.is_dirty(*on) {
            let (was, is) = (row.words[*at], of.get(row.words));
            row.words[*at] = is;
            if was != ABSENT && is != ABSENT && was != is {
                out.push(AFTER_ALL);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn absence_is_no_value() {
        check(|p| Op::Changes { of: p.state('s') }, "0: s=a; 1: s=a; 2: s=b; 3: s=; 4: s=c", "0 0 1 1 1");
    }
}
