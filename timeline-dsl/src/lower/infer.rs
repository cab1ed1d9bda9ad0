//! Types of undeclared columns, from how one expression uses them.

use crate::names::{self, FunctionLookup, FunctionMeaning};
use crate::simple::{SimpleInput, SimpleResult};
use crate::syntax::{AggregateItem, Definition, Dimension, Expr, ExprKind, Literal, SyntaxArgument};
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

fn called(name: &str, arguments: &[SyntaxArgument], hint: Option<Use>, uses: &mut BTreeMap<String, Option<Use>>) {
    let FunctionLookup::Known(function) = names::lookup(name) else {
        return arguments.iter().for_each(|a| walk(&a.value, None, uses));
    };
    if let (FunctionMeaning::Compare(_), [a, b]) = (function, arguments) {
        return compared(&a.value, &b.value, uses);
    }
    for (i, argument) in arguments.iter().enumerate() {
        let hint = match function {
            FunctionMeaning::Simple(simple) if simple.gives == SimpleResult::Value && i == 0 => hint,
            FunctionMeaning::Simple(simple) => {
                simple.takes.get(i).filter(|takes| **takes == SimpleInput::Condition).map(|_| Use::Bool)
            }
            FunctionMeaning::Latest | FunctionMeaning::First | FunctionMeaning::Previous if i == 0 => hint,
            FunctionMeaning::Sum | FunctionMeaning::Min | FunctionMeaning::Max | FunctionMeaning::Linear => {
                Some(Use::Number)
            }
            FunctionMeaning::At if i == 1 => hint,
            FunctionMeaning::And | FunctionMeaning::Or | FunctionMeaning::Not => Some(Use::Bool),
            FunctionMeaning::Concurrency => Some(Use::Bool),
            FunctionMeaning::Scalar(Scalar::Abs | Scalar::Round | Scalar::Floor | Scalar::Ceil) => Some(Use::Number),
            FunctionMeaning::Scalar(_) => Some(Use::Text),
            FunctionMeaning::Integral | FunctionMeaning::TimeWeightedAvg if i == 0 => Some(Use::Number),
            FunctionMeaning::Integral | FunctionMeaning::TimeWeightedAvg => Some(Use::Bool),
            FunctionMeaning::If if i == 0 => Some(Use::Bool),
            FunctionMeaning::If | FunctionMeaning::Coalesce => {
                hint.or_else(|| arguments.iter().skip(1).find_map(|a| shape(&a.value)))
            }
            FunctionMeaning::KeepTrueFor if i == 0 => Some(Use::Bool),
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
            (
                FunctionLookup::Known(FunctionMeaning::Latest | FunctionMeaning::First | FunctionMeaning::Previous),
                [first, ..],
            ) => shape(&first.value),
            (FunctionLookup::Known(FunctionMeaning::At), [_, sampled]) => shape(&sampled.value),
            (FunctionLookup::Known(FunctionMeaning::Simple(simple)), _) => match simple.gives {
                SimpleResult::Steps => Some(Use::Number),
                SimpleResult::Value => arguments.first().and_then(|first| shape(&first.value)),
                SimpleResult::Number => None,
                SimpleResult::State | SimpleResult::Events => Some(Use::Bool),
            },
            (FunctionLookup::Known(FunctionMeaning::Sum | FunctionMeaning::Min | FunctionMeaning::Max), _) => {
                Some(Use::Number)
            }
            (FunctionLookup::Known(FunctionMeaning::Scalar(Scalar::Lower | Scalar::Upper | Scalar::Trim)), _) => {
                Some(Use::Text)
            }
            (
                FunctionLookup::Known(FunctionMeaning::Scalar(
                    Scalar::StartsWith | Scalar::EndsWith | Scalar::Contains | Scalar::Bit,
                )),
                _,
            ) => Some(Use::Bool),
            (FunctionLookup::Known(FunctionMeaning::Scalar(_)), _) => Some(Use::Number),
            (FunctionLookup::Known(function), _) if function.makes_number() => None,
            (FunctionLookup::Known(FunctionMeaning::If | FunctionMeaning::Coalesce), all) => {
                all.iter().skip(1).find_map(|a| shape(&a.value))
            }
            (FunctionLookup::Known(_), _) => Some(Use::Bool),
            _ => None,
        },
        _ => None,
    }
}
