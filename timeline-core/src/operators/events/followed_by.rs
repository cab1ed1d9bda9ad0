//! `followed_by(a, b, D)`: at every `b` that has an `a` before it.

use crate::incremental::parts::{Compiling, EventInput, Instruction, NOT_SINCE, Pass, PassEvents, Row};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_first: NodeId, _then: NodeId, window: Time) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "followed_by",
        form: Notation::Call,
        parameters: vec![Parameter::Window(window)],
        takes: CountedEvents::Matches,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Since],
        entry: None,
        asks_order: true,
        charges: None,
    }
}

pub(crate) fn kind(_first: NodeId, _then: NodeId, _window: Time, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_), TimelineKind::Event(_)] => Some(TimelineKind::Event(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(first: NodeId, then: NodeId, window: Time, to: &mut Compiling<'_>) -> Instruction {
    Instruction::FollowedBy(Step { first: to.input(first), then: to.input(then), at: to.at(), window })
}

/// The word is the time of the last first match.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    first: EventInput,
    then: EventInput,
    at: usize,
    window: Time,
}

impl Step {
    pub(crate) fn emit(&self, pass: Pass<'_>, pass_events: &mut PassEvents, out: &mut Vec<u64>, row: &mut Row<'_>) {
        let Step { first, then, at, window } = self;
        let (first, then) = (pass_events.matches(pass, *first), pass_events.matches(pass, *then));
        let last = row.words[*at] as Time;
        if last != NOT_SINCE && last.saturating_add(*window) > pass.now {
            out.extend_from_slice(&then);
        } else if let Some(earliest) = first.first() {
            out.extend(then.iter().filter(|rank| *rank > earliest));
        }
        if !first.is_empty() {
            row.words[*at] = pass.now as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn nothing_follows_what_comes_later() {
        check(
            |p| Op::FollowedBy { first: p.event('n'), then: p.event('s'), window: 3 },
            "0: n=1; 1: s=a; 4: s=b; 4: n=1; 5: s=c",
            "0 1 1 1 1 2",
        );
    }
}
