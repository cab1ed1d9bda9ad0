//! `exists(x)`: whether there is a value.

use crate::incremental::parts::{
    ABSENT, Bool, Compiling, Instruction, NEVER, Pass, Row, StateSlot, linear as number, put, ratio,
};
use crate::plan::{
    CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, OperatorDescription,
    Straight, TimelineKind, Timer,
};
use crate::{Linear, Time, Type};

pub(crate) mod meaning;

pub(crate) fn describe(of: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "exists",
        form: Notation::Call,
        parameters: vec![],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Zero(of),
        due: DeadlineSlot::Word(0),
        memory: MemoryClass::Constant,
        words: vec![KeptWord::DueOfRatio(of)],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_of: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::State(_) | TimelineKind::Number(_) | TimelineKind::Ratio(_)] => {
            Some(TimelineKind::State(Type::Bool))
        }
        _ => None,
    }
}

pub(crate) fn compile(of: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let existing = match to.kind(of) {
        TimelineKind::Ratio(_) => Existing::Ratio { of, at: to.at() },
        TimelineKind::Number(_) => Existing::Number(of),
        TimelineKind::State(_) | TimelineKind::Event(_) => Existing::State(to.state(of)),
    };
    Instruction::Exists(Step { on: to.n(of), of: existing, out: to.own_bool() })
}

/// What may have a value or none.
#[derive(Clone, Copy, Debug)]
enum Existing {
    State(StateSlot),
    Number(NodeId),
    /// The word `at` is when the denominator next crosses zero.
    Ratio {
        of: NodeId,
        at: usize,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: u16,
    of: Existing,
    out: Bool,
}

impl Step {
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let is_due = matches!(self.of, Existing::Ratio { at, .. } if row.words[at] as Time <= pass.now);
        if !pass.fresh && !is_due && !pass.is_dirty(self.on) {
            return false;
        }
        let value = u64::from(self.exists(pass, row));
        put(row, self.out, value) || pass.fresh
    }

    /// Of a quotient it is noted when that may next be otherwise.
    fn exists(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        match self.of {
            Existing::State(state) => state.get(row.words) != ABSENT,
            Existing::Number(id) => number(pass.compiled, row, id).is_some(),
            Existing::Ratio { of, at } => {
                let denominator = ratio(pass.compiled, row, of).map(|(_, denominator)| denominator);
                let turns_in = denominator.and_then(Linear::next_sign_change);
                row.words[at] = turns_in.map_or(NEVER, |dt| pass.now.saturating_add(dt)) as u64;
                denominator.is_some_and(|denominator| denominator.sign() != 0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::Unit;

    #[test]
    fn it_is_never_absent() {
        check(|p| Op::Exists(p.state('n')), "0: s=a; 1: n=3; 2: n=", "false true false");
    }

    #[test]
    fn a_quotient_begins_where_its_denominator_leaves_zero() {
        check(
            |p| {
                let numerator = p.add(Op::ConstantNumber { numerator: 10, denominator: 1, unit: Unit::Duration });
                let denominator = p.moving();
                Op::Exists(p.add(Op::Ratio { numerator, denominator }))
            },
            "0: !b; 1: b; 3: !b",
            "false false true true true",
        );
    }
}
