//! `at(e, x)` over columns: the matches, carrying what is said of their records.

use crate::incremental::parts::{Compiling, Instruction};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, EventExpr, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe<'a>(event: NodeId, value: &'a EventExpr, _of: &[NodeId]) -> OperatorDescription<'a> {
    OperatorDescription {
        name: "each",
        form: Notation::Own,
        parameters: vec![Parameter::Expression(value)],
        takes: CountedEvents::Matches,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![],
        entry: Some(crate::operators::note(event, value)),
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(event: NodeId, value: &EventExpr, _of: &[NodeId], made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(_), of @ ..] => made.of_record(event, value, of).map(TimelineKind::Event),
        _ => None,
    }
}

pub(crate) fn compile(event: NodeId, value: &EventExpr, of: &[NodeId], to: &mut Compiling<'_>) -> Instruction {
    Instruction::Mixed(to.mixed(event, value, of, false))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::{EventExpr, Scalar};

    #[test]
    fn each_record_speaks_for_itself() {
        check(
            |p| {
                let value = EventExpr::Call(Scalar::Add, vec![p.column('n'), EventExpr::Sample(0)]);
                let each = Op::Each { event: p.event('n'), value, of: vec![p.state('n')] };
                Op::Sum { of: p.add(each) }
            },
            "0: n=1; 0: n=2; 1: n=5",
            "7 17",
        );
    }
}
