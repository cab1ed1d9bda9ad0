//! `x scope by s`: what a number has come to since a state last changed. Nothing is done while it grows.

use crate::Linear;
use crate::incremental::parts::{
    Compiling, Instruction, NumberReader, Pass, Row, StateSlot, before, number_words, of_words, words,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId, by: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "scope",
        form: Notation::Own,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Zero, KeptWord::Value(by), KeptWord::Rest(of)],
        entry: None,
        asks_order: false,
        charges: Some(of),
    }
}

pub(crate) fn kind(of: NodeId, _by: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Number(unit), TimelineKind::State(_)] if made.plan.node(of).is_cumulative => {
            Some(TimelineKind::Number(*unit))
        }
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, by: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Scope(Step { on: [to.n(of), to.n(by)], of, by: to.state(by), at: to.at() })
}

/// Words: what the number was just before the change, the state's value, and what a float lacks.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: [u16; 2],
    of: NodeId,
    by: StateSlot,
    at: usize,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let [a, b] = self.on;
        let begun = (pass.fresh || pass.is_dirty(b)) && self.begin(pass, row);
        begun || pass.is_dirty(a)
    }

    /// Begins a new scope if the state has another value; true if it has.
    fn begin(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { of, by, at, .. } = *self;
        let value = by.get(row.words);
        if !pass.fresh && value == row.words[at + 1] {
            return false;
        }
        row.words[at + 1] = value;
        if !pass.fresh {
            let was = before(pass.compiled, row, of).map_or([0; 2], words);
            row.words[at] = was[0];
            if number_words(&pass.compiled.plan, of) > 1 {
                row.words[at + 2] = was[1];
            }
        }
        true
    }
}

pub(crate) fn linear(of: NodeId, _by: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    let base = [from.word(0), if from.words() > 2 { from.word(2) } else { 0 }];
    Some(from.number(of)?.sub(of_words(&base, from.unit())))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_change_begins_anew() {
        check(|p| Op::Scope { of: p.moving(), by: p.state('s') }, "0: b s=a; 2: s=b; 3: !b; 4: s=c", "0 1 0 1 0");
    }
}
