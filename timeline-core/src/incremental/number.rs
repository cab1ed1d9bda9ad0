//! Numbers are not kept but calculated when they are asked for, from the few words that their leaves keep.

use super::code::Code;
use super::compile::Compiled;
use super::row::{ABSENT, NEVER, NOT_SINCE, Row, truth};
use super::{accrue, choose, scope, window};
use crate::plan::{Compare, Kind, NodeId, Op, RatioUnit, Unit};
use crate::{Linear, SECOND, Time, Type, decimal};

/// The linear piece of a number at the row's instant; `None` where it is absent.
pub(super) fn linear(compiled: &Compiled, row: &Row<'_>, id: NodeId) -> Option<Linear> {
    let now = row.now();
    let at = compiled.layout.nodes[id.index()].at;
    match &compiled.plan.node(id).op {
        Op::DurationWhere { .. } => {
            let accumulated = i128::from(row.words[at] as Time);
            Some(match row.words[at + 1] as Time {
                NOT_SINCE => Linear::exact(accumulated),
                since => Linear::Exact { value: accumulated + i128::from(now) - i128::from(since), slope: 1 },
            })
        }
        Op::DurationInCurState { .. } => Some(match row.words[at + 1] {
            ABSENT => Linear::exact(0),
            _ => Linear::Exact { value: i128::from(now) - i128::from(row.words[at] as Time), slope: 1 },
        }),
        Op::Count { .. } | Op::CountWithin { .. } | Op::Sum { .. } => {
            Some(gathered(row.words, at, compiled.plan.node(id).kind))
        }
        Op::TimeSince { .. } => match row.words[at] as Time {
            NOT_SINCE => None,
            NEVER => Some(Linear::exact(0)),
            since => Some(Linear::Exact { value: i128::from(now) - i128::from(since), slope: 1 }),
        },
        Op::DurationOf(of) => match compiled.plan.node(*of).kind {
            Kind::Number(_) => linear(compiled, row, *of),
            _ => match compiled.state(*of).get(row.words) {
                ABSENT => None,
                word => Some(Linear::exact(i128::from(word as i64))),
            },
        },
        Op::NumberOf(of) => match (compiled.state(*of).get(row.words), compiled.plan.node(*of).kind) {
            (ABSENT, _) => None,
            (word, Kind::State(Type::Int)) => Some(Linear::exact(i128::from(word as i64))),
            (word, _) => Some(Linear::float(f64::from_bits(word))),
        },
        Op::ConstantNumber { numerator, denominator, unit } => Some(constant(*numerator, *denominator, *unit)),
        Op::Add(a, b) => Some(linear(compiled, row, *a)?.add(linear(compiled, row, *b)?)),
        Op::Sub(a, b) => Some(linear(compiled, row, *a)?.sub(linear(compiled, row, *b)?)),
        Op::Scale { of, factor } => Some(linear(compiled, row, *of)?.scale(*factor)),
        Op::OverLast { of, .. } => window::linear(compiled, row, id, *of),
        Op::Longest { .. } => Some(accrue::longest_linear(row.words, at, now)),
        Op::DurationOfPreviousState { .. } => accrue::previous_linear(row.words, at),
        Op::Integral { .. } => Some(accrue::integral_linear(row.words, at, now)),
        Op::If { .. } | Op::Coalesce(..) => choose::linear(compiled, row, id),
        Op::Mul(a, b) => Some(linear(compiled, row, *a)?.times(linear(compiled, row, *b)?)),
        Op::Scope { .. } => scope::linear(compiled, row, id),
        Op::Split { of, .. } => linear(compiled, row, *of),
        other => unreachable!("{other:?} is no number, as the builder checked"),
    }
}

fn constant(numerator: i64, denominator: i64, unit: Unit) -> Linear {
    if denominator == 1 && !unit.is_float() {
        Linear::exact(i128::from(numerator))
    } else {
        Linear::float(numerator as f64 / denominator as f64)
    }
}

/// What a cumulative number was just before the row's instant, whose events and timers have been applied.
///
/// Of what is cumulative, counts and sums jump; all else is continuous, so nothing of it belongs to the instant.
pub(super) fn before(compiled: &Compiled, row: &Row<'_>, id: NodeId) -> Option<Linear> {
    let node = compiled.plan.node(id);
    let at = compiled.layout.nodes[id.index()].at;
    match &node.op {
        Op::Count { .. } | Op::Sum { .. } => {
            let kept = at + super::layout::number_words(&compiled.plan, id);
            let at = if row.words[kept] as Time == row.now() { kept + 1 } else { at };
            Some(gathered(row.words, at, node.kind))
        }
        Op::Add(a, b) => Some(before(compiled, row, *a)?.add(before(compiled, row, *b)?)),
        Op::Sub(a, b) => Some(before(compiled, row, *a)?.sub(before(compiled, row, *b)?)),
        Op::Mul(a, b) => Some(before(compiled, row, *a)?.times(before(compiled, row, *b)?)),
        Op::DurationOf(of) if matches!(compiled.plan.node(*of).kind, Kind::Number(_)) => before(compiled, row, *of),
        Op::Scale { of, factor } => Some(before(compiled, row, *of)?.scale(*factor)),
        _ => linear(compiled, row, id),
    }
}

/// A count or a sum, of its words.
fn gathered(words: &[u64], at: usize, kind: Kind) -> Linear {
    match kind {
        Kind::Number(Unit::Float) => scope::of_words(&words[at..at + 2], Unit::Float),
        _ => Linear::exact(i128::from(words[at] as i64)),
    }
}

/// Both sides of a ratio at the row's instant; `None` where one is absent.
pub(super) fn ratio(compiled: &Compiled, row: &Row<'_>, id: NodeId) -> Option<(Linear, Linear)> {
    match &compiled.plan.node(id).op {
        Op::Ratio { numerator, denominator } => {
            Some((linear(compiled, row, *numerator)?, linear(compiled, row, *denominator)?))
        }
        Op::Split { of, .. } => ratio(compiled, row, *of),
        other => unreachable!("{other:?} is no ratio, as the builder checked"),
    }
}

/// The truth value of a comparison of numbers, and after how many nanoseconds it may be another one by itself.
pub(super) fn compare(compiled: &Compiled, row: &Row<'_>, node: usize) -> (u64, Option<Time>) {
    let Op::CompareNumbers { compare, left, right } = &compiled.plan.nodes[node].op else {
        unreachable!("only comparisons of numbers come here")
    };
    debug_assert!(matches!(compiled.codes[node], Code::CompareNumbers { .. }));
    match compiled.plan.node(*left).kind {
        Kind::Ratio(unit) => match ratio(compiled, row, *left) {
            Some((n, d)) => {
                let sides = compiled.plan.node(*left).op.inputs();
                let exactly = |sum: [i64; 2], about: Linear| {
                    exactly(compiled, row, &[(*sides.first()?, sum[0]), (*sides.get(1)?, sum[1])], about)
                };
                compare_ratio(*compare, n, d, unit, &compiled.plan.node(*right).op, exactly)
            }
            None => (truth::ABSENT, None),
        },
        _ => match (linear(compiled, row, *left), &compiled.plan.node(*right).op) {
            // An exact number against a decimal is compared exactly, in parts of the decimal.
            (Some(left @ Linear::Exact { .. }), Op::ConstantNumber { numerator, denominator, .. }) => {
                turn(*compare, left.scale(*denominator).sub(Linear::exact(i128::from(*numerator))))
            }
            (Some(l), _) => match linear(compiled, row, *right) {
                Some(r) => {
                    // Numbers compare as they are shown.
                    let about = l.rounded().sub(r.rounded());
                    match exactly(compiled, row, &[(*left, 1), (*right, -1)], about) {
                        Some(sign) => (u64::from(compare.holds(sign.cmp(&0))), None),
                        None => turn(*compare, about),
                    }
                }
                None => (truth::ABSENT, None),
            },
            (None, _) => (truth::ABSENT, None),
        },
    }
}

/// The sign of a sum of floats that stand still, as if it had been calculated on paper; `about` is what floats make of it.
fn exactly(compiled: &Compiled, row: &Row<'_>, sum: &[(NodeId, i64)], about: Linear) -> Option<i32> {
    match about {
        Linear::Float { slope: 0.0, .. } => decimal::sign(&compiled.plan, sum, &|id| linear(compiled, row, id)),
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
