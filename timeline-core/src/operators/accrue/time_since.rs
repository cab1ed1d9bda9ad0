//! `time_since(p)`: the time since the last match, or since a condition was last true.

use crate::incremental::parts::{
    Bool, Compiling, Effect, EffectContext, Instruction, NEVER, NOT_SINCE, NumberReader, Pass, Row, Written, matches,
    truth,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "time_since",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Matches,
        moves: true,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Since],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_) | TimelineKind::State(Type::Bool)] => Some(TimelineKind::Number(Unit::Duration)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let at = to.at();
    match to.kind(of) {
        TimelineKind::Event(_) => {
            let effect = Effect::TimeSince(OnMatch { at, predicate: to.is_predicate(of) });
            Instruction::Written(Written { columns: to.read(of, effect) })
        }
        _ => Instruction::StateSince(Step { on: to.n(of), of: to.bool(of), at }),
    }
}

/// An event is the last match. The word is its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnMatch {
    at: usize,
    predicate: bool,
}

impl OnMatch {
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) {
        if matches(payload, self.predicate) {
            row.words[self.at] = setting.time as u64;
        }
    }
}

/// The word is [`NEVER`] while the condition is true, and then when it ceased to be.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: Bool,
    at: usize,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on, of, at } = self;
        if !pass.is_dirty(*on) {
            return false;
        }
        let was_true = row.words[*at] as Time == NEVER;
        match (of.get(row.words) == truth::TRUE, was_true) {
            (true, false) => row.words[*at] = NEVER as u64,
            (false, true) => row.words[*at] = pass.now as u64,
            _ => return pass.fresh,
        }
        true
    }
}

pub(crate) fn linear(_of: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    match from.word(0) as Time {
        NOT_SINCE => None,
        NEVER => Some(Linear::exact(0)),
        since => Some(Linear::Exact { value: i128::from(from.now()) - i128::from(since), slope: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_null_is_no_match() {
        check(|p| Op::TimeSince { of: p.event('n') }, "0: s=a; 1: n=5; 3: n=; 4: n=0", "- 0 1 2 0 1");
    }

    #[test]
    fn a_condition_counts_while_it_is_true() {
        check(|p| Op::TimeSince { of: p.state('b') }, "0: b; 2: !b", "0 0 0 1 2");
    }
}
