//! `concurrency(b)`: for how many sessions of a group a condition is true at once.

use crate::incremental::parts::{Bool, Compiling, CumulativePiece, Instruction, Pass, Row, truth};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, Op, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId, cap: u32) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "concurrency",
        form: Notation::Own,
        parameters: vec![Parameter::Whole(cap.into())],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Cap,
        words: vec![KeptWord::Forgotten, KeptWord::Zero],
        entry: Some(vec![KeptWord::Zero]),
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, cap: u32, made: &Made<'_>) -> Option<TimelineKind> {
    match (cap, made.inputs) {
        (1..=Op::MAX_REMEMBERED, [TimelineKind::State(Type::Bool)]) => Some(TimelineKind::State(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, cap: u32, to: &mut Compiling<'_>) -> Instruction {
    let keeps = to.is_root() || !to.is_split();
    let (at, cell, out) = (to.at(), to.cell(), to.own_bool());
    Instruction::Concurrency(Step { on: to.n(of), of: to.bool(of), out, at, cell, cap: cap as usize, keeps })
}

/// Words: how many spans were forgotten, and for how long they were true together; the cell has the turns.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: Bool,
    out: Bool,
    at: usize,
    cell: usize,
    cap: usize,
    /// Whether its turns are kept here: where splits read it, they keep them.
    keeps: bool,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, of, out, at, cell, cap, keeps } = self;
        if !pass.is_dirty(*on) {
            return false;
        }
        let value = u64::from(of.get(row.words) == truth::TRUE);
        let turned = out.get(row.words) != value;
        if turned {
            out.set(row.words, value);
        }
        if turned && *keeps {
            let turn = CumulativePiece { start: pass.now, value: value as i64, rest: 0, slope: 0, entry: 0 };
            let turns = &mut row.heap.cell_mut(&pass.compiled.layout, *cell).pieces;
            turns.push_back(turn);
            // The oldest span is over: a later one has begun.
            if turns.len() > 2 * cap
                && let (Some(start), Some(end)) = (turns.pop_front(), turns.pop_front())
            {
                row.words[*at] += 1;
                let before = row.words[at + 1] as Time;
                row.words[at + 1] = before.saturating_add(end.start.saturating_sub(start.start)) as u64;
            }
        }
        turned || pass.fresh
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn absence_is_not_counted() {
        check(|p| Op::Concurrency { of: p.state('b'), cap: 10 }, "0: b; 1: !b; 2: b=", "true false false");
    }
}
