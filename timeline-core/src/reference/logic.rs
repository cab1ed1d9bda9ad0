//! Kleene's three-valued logic, and expressions over the columns of one event. Absent is `None`.

use crate::plan::{Compare, EventExpr, TableColumn};
use crate::{Field, Record, Time, Value};

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
    evaluate_with(expression, (record.time, Some(record)), &|_| None)
}

/// The same of an event at an instant beside timelines, which `sample` reads; of one without a record only these.
pub(crate) fn evaluate_with(
    expression: &EventExpr,
    (at, record): (Time, Option<&Record>),
    sample: &dyn Fn(u16) -> Option<Value>,
) -> Option<Value> {
    let value = |e: &EventExpr| evaluate_with(e, (at, record), sample);
    match expression {
        EventExpr::Column(column) => match &record?.fields[column.index()] {
            Field::Missing | Field::Null => None,
            Field::Value(value) => Some(value.clone()),
        },
        EventExpr::Sample(n) => sample(*n),
        EventExpr::Constant(constant) => Some(constant.clone()),
        EventExpr::Compare(c, a, b) => boolean(compare(*c, &value(a), &value(b))),
        EventExpr::Call(function, all) => function.apply(&all.iter().map(value).collect::<Vec<_>>()),
        EventExpr::Lookup(column, key) => looked_up(column, &key.iter().map(value).collect::<Vec<_>>(), at),
        EventExpr::Not(a) => boolean(truth(&value(a)).map(|a| !a)),
        EventExpr::And(a, b) => boolean(and(truth(&value(a)), truth(&value(b)))),
        EventExpr::Or(a, b) => boolean(or(truth(&value(a)), truth(&value(b)))),
    }
}

/// What a table says of a key at an instant: what the row says that has begun and not ended.
pub(crate) fn looked_up(column: &TableColumn, key: &[Option<Value>], at: Time) -> Option<Value> {
    let rows = (0..column.table.len()).map(|row| column.table.row(row));
    let is_key = |of: &[Value]| of.iter().map(Some).eq(key.iter().map(Option::as_ref));
    let mut in_force = rows.filter(|(of, (from, until), _)| is_key(of) && *from <= at && at < *until);
    in_force.next().and_then(|(_, _, cells)| cells[usize::from(column.column)].clone())
}
