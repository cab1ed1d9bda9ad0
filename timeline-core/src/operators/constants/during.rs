//! `during("09:00-17:30", mon..fri)`: whether a local clock shows these hours.

use crate::calendar::hours::ZoneHours;
use crate::incremental::parts::{Bool, Compiling, Instruction, Pass, Row, put};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, LocalHours, Made, MemoryClass, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(hours: &LocalHours) -> OperatorDescription<'_> {
    OperatorDescription {
        name: "during",
        form: Notation::Call,
        parameters: vec![Parameter::Hours(hours)],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Clock,
        due: DeadlineSlot::Word(0),
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Due],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(hours: &LocalHours, made: &Made<'_>) -> Option<TimelineKind> {
    (made.inputs.is_empty() && hours.are_shown()).then_some(TimelineKind::State(Type::Bool))
}

pub(crate) fn compile(hours: &LocalHours, to: &mut Compiling<'_>) -> Instruction {
    Instruction::During(Step { at: to.at(), out: to.own_bool(), clock: ZoneHours::new(hours) })
}

/// The word is when the hours next turn.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    at: usize,
    out: Bool,
    clock: ZoneHours,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { at, out, clock } = self;
        if !pass.fresh && row.words[*at] as Time > pass.now {
            return false;
        }
        row.words[*at] = clock.next_turn(pass.now) as u64;
        put(row, *out, u64::from(clock.holds(pass.now))) || pass.fresh
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::{LocalHours, Op};

    #[test]
    fn hours_turn_by_the_clock() {
        let op = |hours: &[(i64, i64)], days: u8| Op::During(LocalHours { hours: hours.to_vec(), days, zone: None });
        // The first of 1970 was a Thursday, the fourth day of the week.
        check(|_| op(&[(1, 3), (4, 5)], 0b000_1000), "0: b", "false true true false true false");
        check(|_| op(&[(1, 3)], 0b111_0111), "0: b", "false false false false");
        // Since Wednesday.
        check(|_| op(&[(3, 2)], 0b000_0100), "0: b", "true true false false");
    }
}
