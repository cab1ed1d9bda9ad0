//! `at(e, x)`: the matches, carrying what a timeline is at their instants.

use crate::incremental::parts::{Compiling, EventInput, EventPayload, Instruction, Pass, PassEvents, Row};
use crate::plan::{Cumulative, Description, Due, Form, Kind, Made, Memory, NodeId, Straight, Takes, Timer};

pub(crate) mod meaning;

pub(crate) fn describe(_event: NodeId, _of: NodeId) -> Description<'static> {
    Description {
        name: "at",
        form: Form::Call,
        parameters: vec![],
        takes: Takes::Matches,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: Due::Never,
        memory: Memory::Constant,
        words: vec![],
        entry: None,
        asks_order: true,
        charges: None,
    }
}

pub(crate) fn kind(_event: NodeId, _of: NodeId, made: &Made<'_>) -> Option<Kind> {
    match made.inputs {
        [Kind::Event(_), of] => of.sampled().map(Kind::Event),
        _ => None,
    }
}

pub(crate) fn compile(event: NodeId, of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::At(Step { event: to.input(event), of: to.sample(of) })
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    event: EventInput,
    of: EventPayload,
}

impl Step {
    pub(crate) fn emit(&self, pass: Pass<'_>, pass_events: &mut PassEvents, out: &mut Vec<u64>, row: &mut Row<'_>) {
        out.extend_from_slice(&pass_events.matches(pass, self.event));
        if !out.is_empty() {
            pass_events.say(pass.node, self.of.word(pass.compiled, row));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn a_number_is_sampled_as_it_moves() {
        check(
            |p| {
                let at = Op::At { event: p.event('n'), of: p.moving() };
                Op::Sum { of: p.add(at) }
            },
            "0: b; 1: n=1; 3: n=1",
            "0 1 1 4",
        );
    }
}
