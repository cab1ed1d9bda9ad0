//! `filter(e, c)`: the events for which something is true of their records.

use crate::Type;
use crate::incremental::parts::{Compiling, Instruction};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, EventExpr, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Parameter, Straight, TimelineKind, Timer,
};

pub(crate) mod meaning;

pub(crate) fn describe<'a>(event: NodeId, condition: &'a EventExpr, _of: &[NodeId]) -> OperatorDescription<'a> {
    OperatorDescription {
        name: "filter",
        form: Notation::Own,
        parameters: vec![Parameter::Expression(condition)],
        takes: CountedEvents::All,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Never,
        due: DeadlineSlot::Never,
        memory: MemoryClass::Constant,
        words: vec![],
        entry: Some(crate::operators::note(event, condition)),
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(event: NodeId, condition: &EventExpr, _of: &[NodeId], made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Event(ty), of @ ..] => {
            made.of_record(event, condition, of).filter(|ty| *ty == Type::Bool).map(|_| TimelineKind::Event(*ty))
        }
        _ => None,
    }
}

pub(crate) fn compile(event: NodeId, condition: &EventExpr, of: &[NodeId], to: &mut Compiling<'_>) -> Instruction {
    Instruction::Mixed(to.mixed(event, condition, of, true))
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::{Compare, EventExpr};

    #[test]
    fn what_is_true_of_a_record_decides() {
        check(
            |p| {
                let first = Op::First { of: p.event('n') };
                let of = vec![p.add(first)];
                let condition =
                    EventExpr::Compare(Compare::Gt, Box::new(p.column('n')), Box::new(EventExpr::Sample(0)));
                Op::Filter { event: p.event('n'), condition, of }
            },
            "0: n=2; 1: n=5; 2: n=1; 3: n=3",
            "0 1 1 2",
        );
    }
}
