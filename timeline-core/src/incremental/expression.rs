//! Expressions over the columns of one event, and comparison of words.

use super::dictionary::Dictionary;
use super::row::ABSENT;
use super::{PackedEvent, value_of, word_of};
use crate::plan::{Compare, EventExpr, Plan, Scalar, TableColumn};
use crate::value::compare_int_float;
use crate::{Type, Value};
use std::cmp::Ordering;

/// An expression with its constants as words.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Column(u8),
    Constant(u64),
    /// A column against a constant of the same words, which is what nearly all predicates are.
    Equals {
        column: u8,
        word: u64,
        negated: bool,
    },
    Compare(Compare, ComparedTypes, Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    /// A function, with the types of its arguments.
    Call(Scalar, Vec<(Type, Expression)>),
    /// What a table says of a key, with the types of its parts.
    Lookup(TableColumn, Vec<(Type, Expression)>),
    /// What a timeline is, of those that are read beside the event.
    Sample(u16),
}

/// The types of two words that are compared.
pub(crate) type ComparedTypes = (Type, Type);

impl Expression {
    pub(crate) fn new(e: &EventExpr, plan: &Plan, dictionary: &mut Dictionary) -> Self {
        Self::beside(e, &[], plan, dictionary)
    }

    /// One that also reads timelines of those types.
    pub(crate) fn beside(e: &EventExpr, of: &[Type], plan: &Plan, dictionary: &mut Dictionary) -> Self {
        let sub = |e: &EventExpr, dictionary: &mut Dictionary| Box::new(Expression::beside(e, of, plan, dictionary));
        match e {
            EventExpr::Column(c) => Expression::Column(c.0),
            EventExpr::Constant(value) => Expression::Constant(word_of(value, dictionary)),
            EventExpr::Compare(compare @ (Compare::Eq | Compare::Ne), a, b) if same_words(a, b, plan) => {
                match (&**a, &**b) {
                    (EventExpr::Column(c), EventExpr::Constant(value))
                    | (EventExpr::Constant(value), EventExpr::Column(c)) => Expression::Equals {
                        column: c.0,
                        word: word_of(value, dictionary),
                        negated: *compare == Compare::Ne,
                    },
                    _ => unreachable!("same_words is true only of a column and a constant"),
                }
            }
            EventExpr::Compare(compare, a, b) => {
                let types = (type_of(a, of, plan), type_of(b, of, plan));
                Expression::Compare(*compare, types, sub(a, dictionary), sub(b, dictionary))
            }
            EventExpr::Not(a) => Expression::Not(sub(a, dictionary)),
            EventExpr::Call(function, all) => {
                let argument = |a| (type_of(a, of, plan), Expression::beside(a, of, plan, dictionary));
                Expression::Call(*function, all.iter().map(argument).collect())
            }
            EventExpr::Lookup(column, key) => {
                let part = |a| (type_of(a, of, plan), Expression::beside(a, of, plan, dictionary));
                Expression::Lookup(column.clone(), key.iter().map(part).collect())
            }
            EventExpr::Sample(n) => Expression::Sample(*n),
            EventExpr::And(a, b) => Expression::And(sub(a, dictionary), sub(b, dictionary)),
            EventExpr::Or(a, b) => Expression::Or(sub(a, dictionary), sub(b, dictionary)),
        }
    }

    /// The columns whose texts may be looked at in any other way than as equal to a constant.
    pub(crate) fn read_columns(&self) -> u64 {
        match self {
            Expression::Column(c) => 1 << c,
            Expression::Constant(_) | Expression::Equals { .. } | Expression::Sample(_) => 0,
            Expression::Not(a) => a.read_columns(),
            Expression::Call(_, all) | Expression::Lookup(_, all) => {
                all.iter().fold(0, |columns, (_, a)| columns | a.read_columns())
            }
            Expression::Compare(_, _, a, b) | Expression::And(a, b) | Expression::Or(a, b) => {
                a.read_columns() | b.read_columns()
            }
        }
    }

    /// The payload's word; [`ABSENT`] where a column that it needs is missing or null.
    #[inline(always)]
    pub(crate) fn eval(&self, event: &PackedEvent<'_>, dictionary: &mut Dictionary) -> u64 {
        // What nearly all leaves read.
        match self {
            Expression::Column(c) => column(*c, event),
            Expression::Equals { column: c, word, negated } => match column(*c, event) {
                ABSENT => ABSENT,
                value => u64::from((value == *word) != *negated),
            },
            _ => self.eval_beside(event, &[], dictionary),
        }
    }

    /// The same, with the words of the timelines that are read beside the event.
    pub(crate) fn eval_beside(&self, event: &PackedEvent<'_>, of: &[u64], dictionary: &mut Dictionary) -> u64 {
        match self {
            Expression::Column(c) => column(*c, event),
            Expression::Constant(word) => *word,
            Expression::Equals { column: c, word, negated } => match column(*c, event) {
                ABSENT => ABSENT,
                value => u64::from((value == *word) != *negated),
            },
            Expression::Compare(compare, types, a, b) => {
                match (a.eval_beside(event, of, dictionary), b.eval_beside(event, of, dictionary)) {
                    (ABSENT, _) | (_, ABSENT) => ABSENT,
                    (a, b) => u64::from(compare.holds(order(*types, a, b, dictionary))),
                }
            }
            Expression::Call(function, all) => call(*function, all, (event, of), dictionary),
            Expression::Lookup(column, key) => {
                let key = values(key, (event, of), dictionary);
                column.look(&key, event.time).0.map_or(ABSENT, |value| word_of(&value, dictionary))
            }
            Expression::Sample(n) => of.get(usize::from(*n)).copied().unwrap_or(ABSENT),
            Expression::Not(a) => match a.eval_beside(event, of, dictionary) {
                ABSENT => ABSENT,
                word => 1 - word,
            },
            Expression::And(a, b) => match (a.eval_beside(event, of, dictionary), b.eval_beside(event, of, dictionary))
            {
                (0, _) | (_, 0) => 0,
                (1, 1) => 1,
                _ => ABSENT,
            },
            Expression::Or(a, b) => {
                match (a.eval_beside(event, of, dictionary), b.eval_beside(event, of, dictionary)) {
                    (1, _) | (_, 1) => 1,
                    (0, 0) => 0,
                    _ => ABSENT,
                }
            }
        }
    }
}

/// The word of a function's value. Its text, where it makes one, is interned.
#[cold]
fn call(
    function: Scalar,
    all: &[(Type, Expression)],
    (event, of): (&PackedEvent<'_>, &[u64]),
    dictionary: &mut Dictionary,
) -> u64 {
    if let (Scalar::StartsWith | Scalar::EndsWith | Scalar::Contains, [(_, a), (_, b)]) = (function, all) {
        return match (a.eval_beside(event, of, dictionary), b.eval_beside(event, of, dictionary)) {
            (ABSENT, _) | (_, ABSENT) => ABSENT,
            (a, b) => {
                let (a, b) = (dictionary.text(a as u32), dictionary.text(b as u32));
                u64::from(match function {
                    Scalar::StartsWith => a.starts_with(b),
                    Scalar::EndsWith => a.ends_with(b),
                    _ => a.contains(b),
                })
            }
        };
    }
    if let (Scalar::Exists, [(_, a)]) = (function, all) {
        return u64::from(a.eval_beside(event, of, dictionary) != ABSENT);
    }
    let arguments = values(all, (event, of), dictionary);
    function.apply(&arguments).map_or(ABSENT, |value| word_of(&value, dictionary))
}

/// What several expressions say of one event.
#[cold]
fn values(
    all: &[(Type, Expression)],
    (event, of): (&PackedEvent<'_>, &[u64]),
    dictionary: &mut Dictionary,
) -> Vec<Option<Value>> {
    let mut values = Vec::with_capacity(all.len());
    for (ty, a) in all {
        let word = a.eval_beside(event, of, dictionary);
        values.push(value_of(word, *ty, dictionary));
    }
    values
}

#[inline(always)]
fn column(c: u8, event: &PackedEvent<'_>) -> u64 {
    if (event.present & !event.nulls) >> c & 1 == 1 { event.words[usize::from(c)] } else { ABSENT }
}

/// Orders two present words of the given types.
#[inline]
pub(crate) fn order(types: ComparedTypes, a: u64, b: u64, dictionary: &Dictionary) -> Ordering {
    let (x, y) = (f64::from_bits(a), f64::from_bits(b));
    match types {
        (Type::String, _) if a == b => Ordering::Equal,
        (Type::String, _) => dictionary.text(a as u32).as_bytes().cmp(dictionary.text(b as u32).as_bytes()),
        (Type::Bool, _) => a.cmp(&b),
        (Type::Int, Type::Float) => compare_int_float(a as i64, y).expect("words are never NaN"),
        (Type::Float, Type::Int) => compare_int_float(b as i64, x).expect("words are never NaN").reverse(),
        (Type::Int, _) => (a as i64).cmp(&(b as i64)),
        (Type::Float, _) => x.partial_cmp(&y).expect("words are never NaN"),
    }
}

/// Whether equality of a column and a constant is equality of their words.
fn same_words(a: &EventExpr, b: &EventExpr, plan: &Plan) -> bool {
    match (a, b) {
        (EventExpr::Column(c), EventExpr::Constant(v)) | (EventExpr::Constant(v), EventExpr::Column(c)) => {
            plan.columns[c.index()].ty == v.ty()
        }
        _ => false,
    }
}

fn type_of(e: &EventExpr, of: &[Type], plan: &Plan) -> Type {
    match e {
        EventExpr::Column(c) => plan.columns[c.index()].ty,
        EventExpr::Constant(v) => v.ty(),
        EventExpr::Sample(n) => of[usize::from(*n)],
        EventExpr::Lookup(column, _) => column.ty(),
        EventExpr::Call(function, all) => {
            let types: Vec<Type> = all.iter().map(|a| type_of(a, of, plan)).collect();
            function.result(&types).expect("the builder checked the types")
        }
        _ => Type::Bool,
    }
}
