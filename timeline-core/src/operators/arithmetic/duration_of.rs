//! Whole nanoseconds read as a duration.

use crate::incremental::parts::{ABSENT, Compiling, Instruction, NumberReader, Pulled};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, Made, MemoryClass, NodeId, Notation, OperatorDescription, Straight,
    TimelineKind, Timer, Unit,
};
use crate::{Linear, Type};

pub(crate) mod meaning;

pub(crate) fn describe(_of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "duration_of",
        form: Notation::Own,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::WithInputs,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(Type::Int) | TimelineKind::Number(Unit::Int)] => {
            Some(TimelineKind::Number(Unit::Duration))
        }
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    Instruction::Pulled(Pulled::of([to.n(of); 2]))
}

pub(crate) fn linear(of: NodeId, from: NumberReader<'_>) -> Option<Linear> {
    match from.compiled.plan.node(of).kind {
        TimelineKind::Number(_) => from.number(of),
        TimelineKind::Event(_) | TimelineKind::State(_) | TimelineKind::Ratio(_) => {
            match from.compiled.state(of).get(from.row.words) {
                ABSENT => None,
                word => Some(Linear::exact(i128::from(word as i64))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;

    #[test]
    fn it_is_absent_where_the_state_is() {
        check(|p| Op::DurationOf(p.state('n')), "0: n=3; 1: n=", "3 -");
    }
}
