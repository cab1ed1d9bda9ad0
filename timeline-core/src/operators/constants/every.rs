//! `every D`: the clock in windows of that length.

use crate::incremental::every;
use crate::incremental::parts::{Code, Compiling, Pass, Row};
use crate::plan::{Cumulative, Description, Due, Form, Kind, Made, Memory, Parameter, Straight, Takes, Timer, Word};
use crate::{Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(length: Time) -> Description<'static> {
    Description {
        name: "every",
        form: Form::Own,
        parameters: vec![Parameter::Window(length)],
        takes: Takes::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Clock(length),
        due: Due::Word(1),
        memory: Memory::Constant,
        words: vec![Word::Zero, Word::Due],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_length: Time, made: &Made<'_>) -> Option<Kind> {
    made.inputs.is_empty().then_some(Kind::State(Type::Int))
}

pub(crate) fn compile(length: Time, to: &mut Compiling<'_>) -> Code {
    Code::Every(Step { at: to.at(), length })
}

/// Words: when the window began, and when it ends.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    at: usize,
    length: Time,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { at, length } = self;
        if !pass.fresh && row.words[at + 1] as Time > pass.now {
            return false;
        }
        let (begin, end) = every::around(*length, pass.now);
        row.words[*at] = begin as u64;
        row.words[at + 1] = end as u64;
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_window_begins_by_the_clock() {
        check(|_| Op::Every { length: 3 }, "0: b", "0 0 0 3 3 3 6");
    }
}
