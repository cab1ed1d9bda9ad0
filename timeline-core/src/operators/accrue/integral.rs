//! `integral(x, where b)`: the value times the time for which it was in force.

use crate::incremental::parts::{Bool, Compiling, Instruction, NumberReader, Pass, Row, linear as number, truth};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId, _over: Option<NodeId>) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "integral",
        form: Notation::Own,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: true,
        cumulative: Cumulative::Always,
        straight: Straight::WhereNoneMoves("an integral"),
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Zero; 4],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, _over: Option<NodeId>, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Number(Unit::Int | Unit::Float)]
        | [TimelineKind::Number(Unit::Int | Unit::Float), TimelineKind::State(Type::Bool)] => {
            Some(TimelineKind::Number(Unit::Area))
        }
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, over: Option<NodeId>, to: &mut Compiling<'_>) -> Instruction {
    let on = [to.n(of), to.n(over.unwrap_or(of))];
    Instruction::Integral(Step { on, of, over: over.map(|over| to.bool(over)), at: to.at() })
}

/// Words: what has come together (a float, times nanoseconds, and what it lacks), since when the value is in force, and the
/// value; absent is 0 and adds nothing.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: [u16; 2],
    of: NodeId,
    over: Option<Bool>,
    at: usize,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let [a, b] = self.on;
        if pass.fresh {
            row.words[self.at + 2] = pass.now as u64;
        }
        (pass.fresh || pass.is_dirty(a) || pass.is_dirty(b)) && (self.update(pass, row) || pass.fresh)
    }

    /// True if another value is now in force.
    fn update(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { of, over, at, .. } = *self;
        let counts = over.is_none_or(|over| over.get(row.words) == truth::TRUE);
        let value = if counts { number(pass.compiled, row, of) } else { None };
        // There is one zero; what has overflowed is no value.
        let word = match value.map(|x| x.as_floats().0 + 0.0) {
            Some(x) if x.is_finite() => x.to_bits(),
            _ => 0f64.to_bits(),
        };
        if word == row.words[at + 3] {
            return false;
        }
        let Linear::Float { value, rest, .. } = come_to(row.words, at, pass.now) else { return false };
        row.words[at] = value.to_bits();
        row.words[at + 1] = rest.to_bits();
        row.words[at + 2] = pass.now as u64;
        row.words[at + 3] = word;
        true
    }
}

pub(crate) fn linear(_of: NodeId, _over: Option<NodeId>, from: NumberReader<'_>) -> Option<Linear> {
    Some(come_to(from.row.words, from.at, from.now()))
}

fn come_to(words: &[u64], at: usize, now: Time) -> Linear {
    let [value, rest, slope] = [0, 1, 3].map(|word| f64::from_bits(words[at + word]));
    let time = i128::from(now) - i128::from(words[at + 2] as Time);
    Linear::Float { value, rest, slope }.after_wide(time)
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn only_what_is_in_force_adds() {
        check(
            |p| Op::Integral { of: p.number('n'), over: Some(p.state('b')) },
            "0: n=2 b; 2: n=3; 4: !b; 5: b",
            "0 2 4 7 10 10 13",
        );
    }
}
