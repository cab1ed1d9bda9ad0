//! Expressions over the columns of one event, and comparisons.

use super::scalar::Scalar;
use super::source::ColumnId;
use super::table::TableColumn;
use crate::Value;
use std::cmp::Ordering;

/// An expression over the columns of one event: Kleene logic, absent where a column it needs is missing or null.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventExpr {
    /// The column's value.
    Column(ColumnId),
    /// A constant.
    Constant(Value),
    /// Two values compared.
    Compare(Compare, Box<EventExpr>, Box<EventExpr>),
    /// Kleene negation.
    Not(Box<EventExpr>),
    /// Kleene conjunction.
    And(Box<EventExpr>, Box<EventExpr>),
    /// Kleene disjunction.
    Or(Box<EventExpr>, Box<EventExpr>),
    /// A function of the values of others.
    Call(Scalar, Vec<EventExpr>),
    /// What the row of a table that is in force at the event's instant says of the key that the others are.
    Lookup(TableColumn, Vec<EventExpr>),
    /// What a timeline is once the event's instant is over: the one of that number among those that the operator reads.
    /// Only in [`super::Op::Each`] and [`super::Op::Filter`].
    Sample(u16),
}

impl EventExpr {
    /// The columns it reads, as a set of [`ColumnId::bit`]s.
    pub fn columns(&self) -> u64 {
        match self {
            EventExpr::Column(c) => c.bit(),
            EventExpr::Constant(_) | EventExpr::Sample(_) => 0,
            EventExpr::Not(a) => a.columns(),
            EventExpr::Call(_, all) | EventExpr::Lookup(_, all) => {
                all.iter().fold(0, |columns, a| columns | a.columns())
            }
            EventExpr::Compare(_, a, b) | EventExpr::And(a, b) | EventExpr::Or(a, b) => a.columns() | b.columns(),
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Compare {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Compare {
    /// Whether two values in that order satisfy it.
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Compare::Eq => ordering.is_eq(),
            Compare::Ne => ordering.is_ne(),
            Compare::Lt => ordering.is_lt(),
            Compare::Le => ordering.is_le(),
            Compare::Gt => ordering.is_gt(),
            Compare::Ge => ordering.is_ge(),
        }
    }

    /// The comparison with its sides exchanged.
    pub fn flipped(self) -> Self {
        match self {
            Compare::Eq | Compare::Ne => self,
            Compare::Lt => Compare::Gt,
            Compare::Le => Compare::Ge,
            Compare::Gt => Compare::Lt,
            Compare::Ge => Compare::Le,
        }
    }

    /// How a program writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Compare::Eq => "==",
            Compare::Ne => "!=",
            Compare::Lt => "<",
            Compare::Le => "<=",
            Compare::Gt => ">",
            Compare::Ge => ">=",
        }
    }
}
