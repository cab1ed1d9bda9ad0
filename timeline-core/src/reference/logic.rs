//! Kleene's three-valued logic, and expressions over the columns of one event. Absent is `None`.

use crate::plan::{Compare, EventExpr};
use crate::{Field, Record, Value};

/// The truth value of a boolean that may be absent; any other type has none.
pub(crate) fn truth(value: &Option<Value>) -> Option<bool> {
    match value {
        Some(Value::Bool(b)) => Some(*b),
        _ => None,
    }
}

/// A truth value as a state's value.
pub(crate) fn boolean(truth: Option<bool>) -> Option<Value> {
    truth.map(Value::Bool)
}

/// False if either is, true if both are, else absent.
pub(crate) fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// True if either is, false if both are, else absent.
pub(crate) fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// Whether the comparison holds; absent if either side is.
pub(crate) fn compare(compare: Compare, a: &Option<Value>, b: &Option<Value>) -> Option<bool> {
    Some(compare.holds(a.as_ref()?.compare(b.as_ref()?)?))
}

/// What the expression says of the event.
pub(crate) fn evaluate(expression: &EventExpr, record: &Record) -> Option<Value> {
    evaluate_with(expression, Some(record), &|_| None)
}

/// The same beside timelines, which `sample` reads; of an event without a record only these.
pub(crate) fn evaluate_with(
    expression: &EventExpr,
    record: Option<&Record>,
    sample: &dyn Fn(u16) -> Option<Value>,
) -> Option<Value> {
    let value = |e: &EventExpr| evaluate_with(e, record, sample);
    match expression {
        EventExpr::Column(column) => match &record?.fields[column.index()] {
            Field::Missing | Field::Null => None,
            Field::Value(value) => Some(value.clone()),
        },
        EventExpr::Sample(n) => sample(*n),
        EventExpr::Constant(constant) => Some(constant.clone()),
        EventExpr::Compare(c, a, b) => boolean(compare(*c, &value(a), &value(b))),
        EventExpr::Call(function, all) => function.apply(&all.iter().map(value).collect::<Vec<_>>()),
        EventExpr::Not(a) => boolean(truth(&value(a)).map(|a| !a)),
        EventExpr::And(a, b) => boolean(and(truth(&value(a)), truth(&value(b)))),
        EventExpr::Or(a, b) => boolean(or(truth(&value(a)), truth(&value(b)))),
    }
}
