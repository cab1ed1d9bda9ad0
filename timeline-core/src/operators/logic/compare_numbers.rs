//! Numbers compared, with the exact instants at which they cross.

use crate::incremental::parts::{
    Bool, CompiledPlan, Compiling, Instruction, NEVER, Pass, Row, linear as number, put, ratio, truth,
};
use crate::plan::{
    Compare, CountedEvents, Cumulative, DeadlineSlot, KeptWord, Made, MemoryClass, NodeId, Notation, Op,
    OperatorDescription, Parameter, RatioUnit, Straight, TimelineKind, Timer, Unit,
};
use crate::{Linear, SECOND, Time, Type, decimal};

pub(crate) mod meaning;

pub(crate) fn describe(compare: Compare, left: NodeId, right: NodeId) -> OperatorDescription<'static> {
    OperatorDescription {
        name: "numbers",
        form: Notation::Own,
        parameters: vec![Parameter::Word(compare.symbol())],
        takes: CountedEvents::Nothing,
        moves: false,
        cumulative: Cumulative::Never,
        straight: Straight::Always,
        timer: Timer::Crossing(left, right),
        due: DeadlineSlot::Word(0),
        memory: MemoryClass::Constant,
        words: vec![KeptWord::Due],
        entry: None,
        asks_order: false,
        charges: None,
    }
}

pub(crate) fn kind(_compare: Compare, _left: NodeId, right: NodeId, made: &Made<'_>) -> Option<TimelineKind> {
    match made.inputs {
        [TimelineKind::Number(a), TimelineKind::Number(b)] if a.same_measure(*b) => {
            Some(TimelineKind::State(Type::Bool))
        }
        [TimelineKind::Ratio(a), TimelineKind::Number(b)]
            if matches!(made.plan.node(right).op, Op::ConstantNumber { .. })
                && (*a == RatioUnit::Duration) == (*b == Unit::Duration) =>
        {
            Some(TimelineKind::State(Type::Bool))
        }
        _ => None,
    }
}

pub(crate) fn compile(compare: Compare, left: NodeId, right: NodeId, to: &mut Compiling<'_>) -> Instruction {
    let on = [to.n(left), to.n(right)];
    Instruction::CompareNumbers(Step { on, compare, of: [left, right], at: to.at(), out: to.own_bool() })
}

/// The word is the next crossing.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    on: [u16; 2],
    compare: Compare,
    of: [NodeId; 2],
    at: usize,
    out: Bool,
}

impl Step {
    #[inline(always)]
    pub(crate) fn run(&self, pass: Pass<'_>, row: &mut Row<'_>) -> bool {
        let Step { on: [a, b], at, out, .. } = self;
        if !pass.is_dirty(*a) && !pass.is_dirty(*b) && !pass.fresh && row.words[*at] as Time > pass.now {
            return false;
        }
        let (value, turns_in) = self.compare(pass.compiled, row);
        row.words[*at] = turns_in.map_or(NEVER, |dt| pass.now.saturating_add(dt)) as u64;
        put(row, *out, value)
    }

    /// The truth value, and after how many nanoseconds it may be another one by itself.
    fn compare(&self, compiled: &CompiledPlan, row: &Row<'_>) -> (u64, Option<Time>) {
        let Step { compare, of: [left, right], .. } = *self;
        match compiled.plan.node(left).kind {
            TimelineKind::Ratio(unit) => match ratio(compiled, row, left) {
                Some((n, d)) => {
                    let sides = compiled.plan.node(left).op.inputs();
                    let exactly = |sum: [i64; 2], about: Linear| {
                        exactly(compiled, row, &[(*sides.first()?, sum[0]), (*sides.get(1)?, sum[1])], about)
                    };
                    compare_ratio(compare, n, d, unit, &compiled.plan.node(right).op, exactly)
                }
                None => (truth::ABSENT, None),
            },
            TimelineKind::Event(_) | TimelineKind::State(_) | TimelineKind::Number(_) => {
                match (number(compiled, row, left), &compiled.plan.node(right).op) {
                    // An exact number against a decimal is compared exactly, in parts of the decimal.
                    (Some(left @ Linear::Exact { .. }), Op::ConstantNumber { numerator, denominator, .. }) => {
                        turn(compare, left.scale(*denominator).sub(Linear::exact(i128::from(*numerator))))
                    }
                    (Some(l), _) => match number(compiled, row, right) {
                        Some(r) => {
                            // Numbers compare as they are shown.
                            let about = l.rounded().sub(r.rounded());
                            match exactly(compiled, row, &[(left, 1), (right, -1)], about) {
                                Some(sign) => (u64::from(compare.holds(sign.cmp(&0))), None),
                                None => turn(compare, about),
                            }
                        }
                        None => (truth::ABSENT, None),
                    },
                    (None, _) => (truth::ABSENT, None),
                }
            }
        }
    }
}

/// The sign of a sum of floats that stand still, as if it had been calculated on paper; `about` is what floats make of it.
fn exactly(compiled: &CompiledPlan, row: &Row<'_>, sum: &[(NodeId, i64)], about: Linear) -> Option<i32> {
    match about {
        Linear::Float { slope: 0.0, .. } => decimal::sign(&compiled.plan, sum, &|id| number(compiled, row, id)),
        Linear::Exact { .. } | Linear::Float { .. } => None,
    }
}

/// The truth value of `difference compare 0`, and when its sign changes.
fn turn(compare: Compare, difference: Linear) -> (u64, Option<Time>) {
    let value = compare.holds(difference.sign().cmp(&0));
    (u64::from(value), difference.next_sign_change())
}

/// `n / d compare p / q`, as the sign of `n * q - p * d` times the sign of `d`.
///
/// `exactly` is the sign of a multiple of `n` and one of `d`, where that can be told better than by their difference.
fn compare_ratio(
    compare: Compare,
    n: Linear,
    d: Linear,
    unit: RatioUnit,
    constant: &Op,
    exactly: impl Fn([i64; 2], Linear) -> Option<i32>,
) -> (u64, Option<Time>) {
    let Op::ConstantNumber { numerator: p, denominator: q, .. } = constant else {
        unreachable!("the builder compares ratios with constants only")
    };
    let (n, d) = (n.rounded(), d.rounded());
    let n = if unit == RatioUnit::PerSecond { n.scale(SECOND) } else { n };
    let difference = n.scale(*q).sub(d.scale(*p));
    let turns_in = match (difference.next_sign_change(), d.next_sign_change()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let value = match d.sign() {
        0 => truth::ABSENT,
        sign => {
            let times = if unit == RatioUnit::PerSecond { q.checked_mul(SECOND) } else { Some(*q) };
            let exact = times.zip(p.checked_neg()).and_then(|(q, p)| exactly([q, p], difference));
            u64::from(compare.holds((exact.unwrap_or(difference.sign()) * sign).cmp(&0)))
        }
    };
    (value, turns_in)
}

#[cfg(test)]
mod tests {
    use crate::operators::testing::check;
    use crate::plan::Op;
    use crate::plan::{Compare, Unit};

    #[test]
    fn it_turns_where_the_number_gets_there() {
        check(
            |p| {
                let right = p.add(Op::ConstantNumber { numerator: 3, denominator: 1, unit: Unit::Duration });
                Op::CompareNumbers { compare: Compare::Ge, left: p.moving(), right }
            },
            "0: b; 2: !b; 4: b",
            "false false false false false true true",
        );
    }
}
