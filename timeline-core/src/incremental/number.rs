//! Numbers are not kept but calculated when they are asked for, from the few words that their leaves keep.

use super::compile::CompiledPlan;
use super::row::Row;
use crate::number::saturate;
use crate::plan::{Cumulative, KeptWord, NodeId, Op, Plan, TimelineKind, Unit};
use crate::{Linear, Time};

/// What a number is calculated from.
#[derive(Clone, Copy)]
pub(crate) struct NumberReader<'a> {
    pub(crate) compiled: &'a CompiledPlan,
    pub(crate) row: &'a Row<'a>,
    /// The node.
    pub(crate) id: NodeId,
    /// Its first word.
    pub(crate) at: usize,
    /// Whether its inputs are asked for what they were just before the row's instant.
    before: bool,
}

impl NumberReader<'_> {
    /// The row's instant.
    #[inline]
    pub(crate) fn now(self) -> Time {
        self.row.now()
    }

    /// The node's word of that number.
    #[inline]
    pub(crate) fn word(self, n: usize) -> u64 {
        self.row.words[self.at + n]
    }

    /// How many words the node has.
    pub(crate) fn words(self) -> usize {
        self.compiled.layout.nodes[self.id.index()].words
    }

    /// The node's heap cell.
    pub(crate) fn cell(self) -> usize {
        self.compiled.layout.nodes[self.id.index()].cell
    }

    /// What the node's number counts.
    pub(crate) fn unit(self) -> Unit {
        match self.compiled.plan.node(self.id).kind {
            TimelineKind::Number(unit) => unit,
            other => unreachable!("{other} is no number, as the builder checked"),
        }
    }

    /// An input's number.
    pub(crate) fn number(self, of: NodeId) -> Option<Linear> {
        if self.before { before(self.compiled, self.row, of) } else { linear(self.compiled, self.row, of) }
    }

    /// A count or a sum, of its words from there on.
    pub(crate) fn counted(self, at: usize) -> Linear {
        let words = &self.row.words[at..];
        match self.compiled.plan.node(self.id).kind {
            TimelineKind::Number(Unit::Float | Unit::Area) => of_words(&words[..2], Unit::Float),
            TimelineKind::Number(_) | TimelineKind::Event(_) | TimelineKind::State(_) | TimelineKind::Ratio(_) => {
                Linear::exact(i128::from(words[0] as i64))
            }
        }
    }
}

/// The linear piece of a number at the row's instant; `None` where it is absent.
pub(crate) fn linear(compiled: &CompiledPlan, row: &Row<'_>, id: NodeId) -> Option<Linear> {
    let at = compiled.layout.nodes[id.index()].at;
    compiled.plan.node(id).op.linear(NumberReader { compiled, row, id, at, before: false })
}

/// How it is told what a number was just before an instant whose events and timers have been applied.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Before {
    /// It is continuous: nothing of it belongs to the instant.
    Continuous,
    /// It jumps at events, and keeps what it was.
    Kept,
    /// As its inputs.
    OfInputs,
}

impl Before {
    /// Of what is cumulative, counts and sums jump; all else is continuous, or made of these.
    pub(super) fn of(op: &Op) -> Self {
        let description = op.describe();
        match description.cumulative {
            _ if description.words.contains(&KeptWord::Counted) => Before::Kept,
            Cumulative::WithInputs | Cumulative::TimesConstant => Before::OfInputs,
            Cumulative::Never | Cumulative::Always => Before::Continuous,
        }
    }
}

/// What a cumulative number was just before the row's instant.
pub(crate) fn before(compiled: &CompiledPlan, row: &Row<'_>, id: NodeId) -> Option<Linear> {
    let at = compiled.layout.nodes[id.index()].at;
    match compiled.before[id.index()] {
        Before::Continuous => linear(compiled, row, id),
        Before::OfInputs => compiled.plan.node(id).op.linear(NumberReader { compiled, row, id, at, before: true }),
        Before::Kept => {
            let kept = at + number_words(&compiled.plan, id);
            let at = if row.words[kept] as Time == row.now() { kept + 1 } else { at };
            Some(NumberReader { compiled, row, id, at, before: true }.counted(at))
        }
    }
}

/// Both sides of a ratio at the row's instant; `None` where one is absent.
pub(crate) fn ratio(compiled: &CompiledPlan, row: &Row<'_>, id: NodeId) -> Option<(Linear, Linear)> {
    match &compiled.plan.node(id).op {
        Op::Split { of, .. } => ratio(compiled, row, *of),
        op => {
            let Op::Ratio { numerator, denominator } = op else {
                unreachable!("{op:?} is no ratio, as the builder checked")
            };
            Some((linear(compiled, row, *numerator)?, linear(compiled, row, *denominator)?))
        }
    }
}

/// Words that hold a number: of floats the nearest one, and what that lacks.
pub(crate) fn number_words(plan: &Plan, id: NodeId) -> usize {
    match plan.node(id).kind {
        TimelineKind::Number(unit) if unit.is_float() => 2,
        TimelineKind::Number(_) | TimelineKind::Event(_) | TimelineKind::State(_) | TimelineKind::Ratio(_) => 1,
    }
}

/// A number without its slope, as words: of a float also what it lacks.
pub(crate) fn words(x: Linear) -> [u64; 2] {
    match x {
        Linear::Exact { value, .. } => [saturate(value) as u64, 0],
        Linear::Float { value, rest, .. } => [value.to_bits(), rest.to_bits()],
    }
}

/// The number of its words.
pub(crate) fn of_words(words: &[u64], unit: Unit) -> Linear {
    if unit.is_float() {
        Linear::Float { value: f64::from_bits(words[0]), rest: f64::from_bits(words[1]), slope: 0.0 }
    } else {
        Linear::exact(i128::from(words[0] as i64))
    }
}
