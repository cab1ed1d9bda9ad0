//! Types of undeclared columns, from how one expression uses them.

use crate::names::{self, Function, Lookup};
use crate::simple::{Gives, Takes};
use crate::syntax::{AggregateItem, Argument, Definition, Dimension, Expr, ExprKind, Literal};
use std::collections::BTreeMap;
use timeline_core::Type;
use timeline_core::plan::Scalar;

/// What a use says of a column's type.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Use {
    Text,
    Number,
    Bool,
}

/// The columns that an expression names, with their types.
///
/// Use decides; where it leaves a choice, what is known from a sample of the data; then `float` and `string`.
pub(crate) fn columns(definition: &Definition, known: &BTreeMap<String, Type>) -> BTreeMap<String, Type> {
    let mut uses = BTreeMap::new();
    let (value, dimensions): (&Expr, &[Dimension]) = match &definition.value.kind {
        ExprKind::SplitBy(of, by, _) => (of, by),
        _ => (&definition.value, &[]),
    };
    walk(value, None, &mut uses);
    dimensions.iter().for_each(|d| walk(&d.value, None, &mut uses));
    if let Some(AggregateItem { group_by, functions, .. }) = &definition.aggregate {
        for key in group_by.iter().chain(functions.iter().flat_map(|function| &function.of)) {
            let is_dimension = |name: &str| dimensions.iter().any(|d| d.name.as_ref().is_some_and(|n| n.text == name));
            if !key.bare_name().is_some_and(|n| is_dimension(&n.text)) {
                walk(&key.value, None, &mut uses);
            }
        }
    }
    definition.with.iter().for_each(|beside| walk(&beside.value, None, &mut uses));
    uses.into_iter()
        .map(|(name, seen)| {
            let known = known.get(&name).copied();
            let ty = match seen {
                Some(Use::Text) => Type::String,
                Some(Use::Bool) => Type::Bool,
                Some(Use::Number) => known.filter(|t| t.is_numeric()).unwrap_or(Type::Float),
                None => known.unwrap_or(Type::String),
            };
            (name, ty)
        })
        .collect()
}

fn walk(e: &Expr, hint: Option<Use>, uses: &mut BTreeMap<String, Option<Use>>) {
    let mut note = |name: String| {
        let seen = uses.entry(name).or_insert(None);
        *seen = seen.or(hint);
    };
    match &e.kind {
        ExprKind::Error | ExprKind::Literal(_) => {}
        ExprKind::Column(name) => note(name.text.clone()),
        ExprKind::Path(path) => {
            note(path.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join("."));
        }
        ExprKind::Not(a) => walk(a, Some(Use::Bool), uses),
        ExprKind::Negate(a) => walk(a, Some(Use::Number), uses),
        ExprKind::Logic(_, all) => all.iter().for_each(|a| walk(a, Some(Use::Bool), uses)),
        ExprKind::Compare(_, a, b) => compared(a, b, uses),
        ExprKind::In(a, list) => {
            walk(a, list.iter().find_map(shape), uses);
            list.iter().for_each(|b| walk(b, shape(a), uses));
        }
        ExprKind::Arithmetic(a, rest) => {
            walk(a, Some(Use::Number), uses);
            rest.iter().for_each(|(_, b)| walk(b, Some(Use::Number), uses));
        }
        ExprKind::OverLast(a, b) | ExprKind::ScopeBy(a, b) => {
            walk(a, None, uses);
            walk(b, None, uses);
        }
        ExprKind::SplitBy(a, by, _) => {
            walk(a, None, uses);
            by.iter().for_each(|d| walk(&d.value, None, uses));
        }
        ExprKind::Every(_) | ExprKind::During(_) => {}
        ExprKind::Lookup { key, .. } => key.iter().for_each(|part| walk(part, None, uses)),
        ExprKind::Call { name, arguments } => called(&name.text, arguments, hint, uses),
    }
}

fn called(name: &str, arguments: &[Argument], hint: Option<Use>, uses: &mut BTreeMap<String, Option<Use>>) {
    let Lookup::Known(function) = names::lookup(name) else {
        return arguments.iter().for_each(|a| walk(&a.value, None, uses));
    };
    if let (Function::Compare(_), [a, b]) = (function, arguments) {
        return compared(&a.value, &b.value, uses);
    }
    for (i, argument) in arguments.iter().enumerate() {
        let hint = match function {
            Function::Simple(simple) if simple.gives == Gives::Value && i == 0 => hint,
            Function::Simple(simple) => {
                simple.takes.get(i).filter(|takes| **takes == Takes::Condition).map(|_| Use::Bool)
            }
            Function::Latest | Function::First | Function::Previous if i == 0 => hint,
            Function::Sum | Function::Min | Function::Max | Function::Linear => Some(Use::Number),
            Function::At if i == 1 => hint,
            Function::And | Function::Or | Function::Not => Some(Use::Bool),
            Function::Concurrency => Some(Use::Bool),
            Function::Scalar(Scalar::Abs | Scalar::Round | Scalar::Floor | Scalar::Ceil) => Some(Use::Number),
            Function::Scalar(_) => Some(Use::Text),
            Function::Integral | Function::TimeWeightedAvg if i == 0 => Some(Use::Number),
            Function::Integral | Function::TimeWeightedAvg => Some(Use::Bool),
            Function::If if i == 0 => Some(Use::Bool),
            Function::If | Function::Coalesce => {
                hint.or_else(|| arguments.iter().skip(1).find_map(|a| shape(&a.value)))
            }
            Function::KeepTrueFor if i == 0 => Some(Use::Bool),
            _ => None,
        };
        walk(&argument.value, hint, uses);
    }
}

fn compared(a: &Expr, b: &Expr, uses: &mut BTreeMap<String, Option<Use>>) {
    walk(a, shape(b), uses);
    walk(b, shape(a), uses);
}

/// What the shape of an expression says of its type, without looking at columns.
fn shape(e: &Expr) -> Option<Use> {
    match &e.kind {
        ExprKind::Literal(Literal::Text(_)) => Some(Use::Text),
        ExprKind::Literal(Literal::Number(_)) | ExprKind::Arithmetic(..) | ExprKind::Negate(_) => Some(Use::Number),
        ExprKind::Literal(Literal::Bool(_))
        | ExprKind::Logic(..)
        | ExprKind::Compare(..)
        | ExprKind::In(..)
        | ExprKind::During(_)
        | ExprKind::Not(_) => Some(Use::Bool),
        ExprKind::Call { name, arguments } => match (names::lookup(&name.text), arguments.as_slice()) {
            (Lookup::Known(Function::Latest | Function::First | Function::Previous), [first, ..]) => {
                shape(&first.value)
            }
            (Lookup::Known(Function::At), [_, sampled]) => shape(&sampled.value),
            (Lookup::Known(Function::Simple(simple)), _) => match simple.gives {
                Gives::Steps => Some(Use::Number),
                Gives::Value => arguments.first().and_then(|first| shape(&first.value)),
                Gives::Number => None,
                Gives::State | Gives::Events => Some(Use::Bool),
            },
            (Lookup::Known(Function::Sum | Function::Min | Function::Max), _) => Some(Use::Number),
            (Lookup::Known(Function::Scalar(Scalar::Lower | Scalar::Upper | Scalar::Trim)), _) => Some(Use::Text),
            (
                Lookup::Known(Function::Scalar(Scalar::StartsWith | Scalar::EndsWith | Scalar::Contains | Scalar::Bit)),
                _,
            ) => Some(Use::Bool),
            (Lookup::Known(Function::Scalar(_)), _) => Some(Use::Number),
            (Lookup::Known(function), _) if function.makes_number() => None,
            (Lookup::Known(Function::If | Function::Coalesce), all) => all.iter().skip(1).find_map(|a| shape(&a.value)),
            (Lookup::Known(_), _) => Some(Use::Bool),
            _ => None,
        },
        _ => None,
    }
}
