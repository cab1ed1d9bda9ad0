//! Random expressions over the columns of one event.

use super::{choose, value};
use proptest::prelude::*;
use timeline_core::Type;
use timeline_core::plan::{ColumnId, Compare, EventExpr, PlanBuilder, Scalar};

/// A boolean expression; picks as in [`super`].
#[derive(Clone, Debug)]
pub(crate) enum PredicateShape {
    /// A column with a constant.
    WithConstant {
        column: u8,
        compare: u8,
        value: u8,
    },
    /// A column with another one, if their types compare.
    WithColumn {
        column: u8,
        compare: u8,
        other: u8,
    },
    /// A function of a column compared with a constant.
    OfFunction {
        column: u8,
        function: u8,
        other: u8,
        value: u8,
    },
    Not(Box<PredicateShape>),
    And(Box<PredicateShape>, Box<PredicateShape>),
    Or(Box<PredicateShape>, Box<PredicateShape>),
}

/// Expressions of a few comparisons.
pub(crate) fn predicates() -> impl Strategy<Value = PredicateShape> {
    use PredicateShape::{And, Not, OfFunction, Or, WithColumn, WithConstant};
    let picks = || (any::<u8>(), any::<u8>(), any::<u8>());
    let leaf = prop_oneof![
        5 => picks().prop_map(|(column, compare, value)| WithConstant { column, compare, value }),
        1 => picks().prop_map(|(column, compare, other)| WithColumn { column, compare, other }),
        2 => (picks(), any::<u8>()).prop_map(|((column, function, other), value)| OfFunction {
            column,
            function,
            other,
            value,
        }),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| Not(Box::new(a))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| And(Box::new(a), Box::new(b))),
            (inner.clone(), inner).prop_map(|(a, b)| Or(Box::new(a), Box::new(b))),
        ]
    })
}

/// One of the six comparisons.
pub(crate) fn comparison(pick: u8) -> Compare {
    choose(&[Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge], pick)
}

impl PredicateShape {
    /// The expression over the builder's columns.
    pub(crate) fn build(&self, builder: &PlanBuilder) -> EventExpr {
        let columns = &builder.plan().columns;
        let column = |pick: u8| {
            let id = ColumnId(pick % columns.len() as u8);
            (EventExpr::Column(id), columns[id.index()].ty)
        };
        match self {
            PredicateShape::WithConstant { column: pick, compare, value: v } => {
                let (left, ty) = column(*pick);
                // A float column is sometimes compared with an integer, and the other way round.
                let ty = match ty {
                    Type::Float if v % 5 == 0 => Type::Int,
                    Type::Int if v % 5 == 0 => Type::Float,
                    ty => ty,
                };
                EventExpr::Compare(comparison(*compare), left.into(), EventExpr::Constant(value(ty, *v)).into())
            }
            PredicateShape::WithColumn { column: pick, compare, other } => {
                let ((left, a), (right, b)) = (column(*pick), column(*other));
                let comparable = a == b || (a.is_numeric() && b.is_numeric());
                let right = if comparable { right } else { EventExpr::Constant(value(a, *other)) };
                EventExpr::Compare(comparison(*compare), left.into(), right.into())
            }
            PredicateShape::OfFunction { column: pick, function, other, value: v } => {
                let (call, ty) = called(builder, column(*pick), *function, *other, false);
                let constant = EventExpr::Constant(value(ty, *v));
                EventExpr::Compare(comparison(*function), call.into(), constant.into())
            }
            PredicateShape::Not(a) => EventExpr::Not(a.build(builder).into()),
            PredicateShape::And(a, b) => EventExpr::And(a.build(builder).into(), b.build(builder).into()),
            PredicateShape::Or(a, b) => EventExpr::Or(a.build(builder).into(), b.build(builder).into()),
        }
    }
}

/// A function of a column and perhaps another one or a constant, with its type; `exact`: none whose floats are rounded.
pub(crate) fn called(
    builder: &PlanBuilder,
    (column, ty): (EventExpr, Type),
    function: u8,
    other: u8,
    exact: bool,
) -> (EventExpr, Type) {
    let columns = &builder.plan().columns;
    // Another column where it has the type, else a constant.
    let second = |ty: Type| {
        let id = ColumnId(other % columns.len() as u8);
        let fits = columns[id.index()].ty == ty && other.is_multiple_of(2);
        if fits { EventExpr::Column(id) } else { EventExpr::Constant(value(ty, other / 2)) }
    };
    let text = [
        Scalar::Lower,
        Scalar::Upper,
        Scalar::Trim,
        Scalar::Length,
        Scalar::StartsWith,
        Scalar::EndsWith,
        Scalar::Contains,
        Scalar::Coalesce,
        Scalar::Exists,
    ];
    let number = [
        Scalar::Bit,
        Scalar::Abs,
        Scalar::Round,
        Scalar::Floor,
        Scalar::Ceil,
        Scalar::Add,
        Scalar::Sub,
        Scalar::Mul,
        Scalar::Coalesce,
        Scalar::Div,
    ];
    let number = if ty == Type::Int { &number[..] } else { &number[1..] };
    let number = if exact { &number[..number.len() - 1] } else { number };
    let function = match ty {
        Type::String => choose(&text, function),
        Type::Bool => choose(&[Scalar::If, Scalar::Coalesce, Scalar::Exists], function),
        _ => choose(number, function),
    };
    let arguments = match function {
        Scalar::Lower | Scalar::Upper | Scalar::Trim | Scalar::Length | Scalar::Exists => vec![column],
        Scalar::Abs | Scalar::Round | Scalar::Floor | Scalar::Ceil => vec![column],
        Scalar::If => vec![column, second(Type::Int), EventExpr::Constant(value(Type::Int, other / 3))],
        _ => vec![column, second(ty)],
    };
    let types = match function {
        Scalar::If => vec![Type::Bool, Type::Int, Type::Int],
        _ => vec![ty; arguments.len()],
    };
    let ty = function.result(&types).expect("the function takes the column");
    (EventExpr::Call(function, arguments), ty)
}
