//! `has_existed_within(p, D)`: some match in `(t - D, t]`; of a state each stretch, prolonged by `D`.

use crate::incremental::parts::{
    Bool, Compiling, Effect, EffectContext, Instruction, NEVER, Pass, Row, matches, put, truth, write,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId, window: Time) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "has_existed_within",
        form: Notation::Call,
        parameters: vec![Parameter::Window(window)],
        takes: CountedEvents::Matches,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::After(window),
        due: DeadlineSlot::Word(0),
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Since],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, _window: Time, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_) | TimelineKind::State(Type::Bool)] => Some(TimelineKind::State(Type::Bool)),
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, window: Time, to: &mut Compiling<'_>) -> Instruction {
    let (at, out) = (to.at(), to.own_bool());
    match to.kind(of) {
        TimelineKind::Event(_) => {
            to.read(of, Effect::HasExistedWithin(OnMatch { at, window, predicate: to.is_predicate(of) }));
            Instruction::EventWithin(OfEvent { at, out })
        }
        _ => Instruction::StateWithin(OfState { on: to.n(of), of: to.bool(of), at, out, window }),
    }
}

/// An event that matches says until when. The word is that instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnMatch {
    at: usize,
    window: Time,
    predicate: bool,
}

impl OnMatch {
    #[inline(always)]
    pub(crate) fn apply(self, setting: &EffectContext<'_>, row: &mut Row<'_>, payload: u64) -> bool {
        matches(payload, self.predicate) && write(row, self.at, setting.time.saturating_add(self.window) as u64)
    }
}

/// Over events, which wrote the instant at which it turns false.
#[derive(Clone, Debug)]
pub(crate) struct OfEvent {
    at: usize,
    out: Bool,
}

impl OfEvent {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        put(row, self.out, u64::from(row.words[self.at] as Time > pass.now))
    }
}

/// Over a condition.
#[derive(Clone, Debug)]
pub(crate) struct OfState {
    on: u16,
    of: Bool,
    at: usize,
    out: Bool,
    window: Time,
}

impl OfState {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let OfState { on, of, at, out, window } = self;
        let until = row.words[*at] as Time;
        if pass.is_dirty(*on) {
            let held = of.get(row.words) == truth::TRUE;
            if held {
                row.words[*at] = NEVER as u64;
            } else if out.get(row.words) == truth::TRUE && until == NEVER {
                row.words[*at] = pass.now.saturating_add(*window) as u64;
            }
        }
        put(row, *out, u64::from(row.words[*at] as Time > pass.now))
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_match_extends_and_never_stacks() {
        check(
            |p| Op::HasExistedWithin { of: p.event('b'), window: 2 },
            "0: b; 1: b; 4: !b",
            "true true true false false",
        );
    }

    #[test]
    fn a_condition_is_prolonged() {
        check(
            |p| Op::HasExistedWithin { of: p.state('b'), window: 2 },
            "0: b; 3: !b",
            "true true true true true false",
        );
    }
}
