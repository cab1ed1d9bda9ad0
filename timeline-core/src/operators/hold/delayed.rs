//! `delayed(x, D)`: what a state was so long ago.

use crate::Time;
use crate::incremental::parts::{ABSENT, ChoiceSlot, Compiling, Instruction, NEVER, Pass, Row, StateSlot};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId, length: Time) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "delayed",
        form: Notation::Call,
        parameters: vec![Parameter::Window(length)],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::After(length),
        due: DeadlineSlot::Word(1),
        memory: MemoryClass::Window,
        words: vec![KeptWord::Value(of), KeptWord::Due, KeptWord::Value(of)],
        entry: Some(vec![KeptWord::Zero, KeptWord::Value(of)]),
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, _length: Time, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(ty)] => Some(TimelineKind::State(*ty)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, length: Time, to: &mut Compiling<'_>) -> Instruction {
    let out = to.truth().map_or(ChoiceSlot::Word(to.at()), ChoiceSlot::Bool);
    Instruction::Delayed(Step { on: to.n(of), of: to.state(of), at: to.at(), out, cell: to.cell(), length })
}

/// Words: what is said, unless that is a truth value, when the next change is due, and the input's value now. The cell has the
/// changes that are on their way: when each came, and the value.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: StateSlot,
    at: usize,
    out: ChoiceSlot,
    cell: usize,
    length: Time,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, of, at, out, cell, length } = self;
        let value = of.get(row.words);
        if (pass.fresh || pass.is_dirty(*on)) && value != row.words[at + 2] {
            row.words[at + 2] = value;
            row.heap.cell_mut(&pass.compiled.layout, *cell).entries.extend([pass.now as u64, value]);
        }
        let Some(cell) = row.heap.cell_if_any(*cell) else { return out.put(row, ABSENT) || pass.fresh };
        let due = |came: &u64| (*came as Time).saturating_add(*length);
        let over = cell.entries.chunks_exact(2).take_while(|change| due(&change[0]) <= pass.now).count();
        let said = over.checked_sub(1).map(|last| cell.entries[2 * last + 1]);
        cell.entries.drain(..2 * over);
        let next = cell.entries.first().map_or(NEVER, due);
        row.words[at + 1] = next as u64;
        let changed = match said {
            Some(value) => out.put(row, value),
            None if pass.fresh => out.put(row, ABSENT),
            None => false,
        };
        changed || pass.fresh
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn every_change_comes_again_later() {
        check(
            |p| Op::Delayed { of: p.state('s'), length: 2 },
            "0: s=a; 1: s=b; 3: s=; 4: s=b; 4: s=c",
            "- - a b b - c",
        );
    }

    #[test]
    fn a_condition_is_absent_before() {
        check(|p| Op::Delayed { of: p.state('b'), length: 3 }, "0: b; 1: !b; 2: b=", "- - - true false -");
    }
}
