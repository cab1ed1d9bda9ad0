//! `not_followed_by(a, b, D)`: where no `b` has followed an `a`.

use crate::incremental::parts::{
    AFTER_ALL, Compiling, CumulativePiece, EventInput, Instruction, NEVER, Pass, PassEvents, Row,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_first: NodeId, _then: NodeId, window: Time) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "not_followed_by",
        form: Notation::Call,
        parameters: vec![Parameter::Window(window)],
        takes: CountedEvents::Matches,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Only(window),
        due: DeadlineSlot::Word(0),
        memory: MemoryClass::Window,
        words: vec![KeptWord::Due],
        entry: Some(vec![KeptWord::Zero]),
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
    let (first, then) = (to.input(first), to.input(then));
    Instruction::NotFollowedBy(Step { first, then, at: to.at(), cell: to.cell(), window })
}

/// The word is when the next match is known to be alone; those that wait are in the cell, as how many there were at a time.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    first: EventInput,
    then: EventInput,
    at: usize,
    cell: usize,
    window: Time,
}

impl Step {
    pub(crate) fn emit(&self, pass: Pass<'_>, pass_events: &mut PassEvents, out: &mut Vec<u64>, row: &mut Row<'_>) {
        let Step { first, then, at, cell, window } = self;
        let now = pass.now;
        let (first, then) = (pass_events.matches(pass, *first), pass_events.matches(pass, *then));
        if first.is_empty() && row.words[*at] as Time == NEVER {
            return;
        }
        let waiting = &mut row.heap.cell_mut(&pass.compiled.layout, *cell).pieces;
        while let Some(piece) = waiting.pop_front_if(|piece| piece.start.saturating_add(*window) <= now) {
            out.extend((0..piece.value).map(|_| AFTER_ALL));
        }
        let alone = match then.last() {
            Some(latest) => {
                waiting.clear();
                first.iter().filter(|rank| *rank >= latest).count()
            }
            None => first.len(),
        };
        if alone > 0 && now.checked_add(*window).is_some() {
            waiting.push_back(CumulativePiece { start: now, value: alone as i64, rest: 0, slope: 0, entry: 0 });
        }
        row.words[*at] = waiting.front().map_or(NEVER, |piece| piece.start.saturating_add(*window)) as u64;
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn absence_is_known_when_the_window_is_over() {
        check(
            |p| Op::NotFollowedBy { first: p.event('n'), then: p.event('s'), window: 2 },
            "0: n=1; 1: s=a; 2: n=1; 3: n=1",
            "0 0 0 0 1 2",
        );
    }
}
