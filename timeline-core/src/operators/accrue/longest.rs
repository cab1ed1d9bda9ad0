//! `longest(b)`: the longest stretch so far on which a condition was true.

use crate::incremental::parts::{Bool, Compiling, Instruction, NEVER, NOT_SINCE, NumberReader, Pass, Row, truth};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "longest",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: true,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Overtaking(of),
        due: DeadlineSlot::Overtaking,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Zero, KeptWord::Since],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(Type::Bool)] => Some(TimelineKind::Number(Unit::Duration)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Longest(Step { on: to.n(of), of: to.bool(of), at: to.at() })
}

/// Words: the longest stretch that is over, and the start of the one that goes on.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: Bool,
    at: usize,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let turned = (pass.is_dirty(self.on) && self.turn(row, pass.now)) || pass.fresh;
        turned || overtakes(row.words, self.at) == pass.now
    }

    /// True if the condition turned.
    fn turn(&self, row: &mut Row<'_>, now: Time) -> bool {
        let Step { of, at, .. } = self;
        let running = of.get(row.words) == truth::TRUE;
        let since = row.words[at + 1] as Time;
        match (running, since == NOT_SINCE) {
            (true, true) => row.words[at + 1] = now as u64,
            (false, false) => {
                let best = row.words[*at] as Time;
                row.words[*at] = best.max(now.saturating_sub(since)) as u64;
                row.words[at + 1] = NOT_SINCE as u64;
            }
            _ => return false,
        }
        true
    }
}

/// When the stretch that goes on becomes the longest one, from where on the number grows.
#[inline]
pub(crate) fn overtakes(words: &[u64], at: usize) -> Time {
    match words[at + 1] as Time {
        NOT_SINCE => NEVER,
        since => since.saturating_add(words[at] as Time),
    }
}

pub(crate) fn linear(_of: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    let best = i128::from(from.word(0) as Time);
    Some(match from.word(1) as Time {
        NOT_SINCE => Linear::exact(best),
        since => {
            let present = i128::from(from.now()) - i128::from(since);
            if present >= best { Linear::Exact { value: present, slope: 1 } } else { Linear::exact(best) }
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn what_goes_on_counts_once_it_is_longest() {
        check(|p| Op::Longest { of: p.state('b') }, "0: b; 3: !b; 4: b; 8: !b", "0 1 2 3 3 3 3 3 4 4");
    }
}
