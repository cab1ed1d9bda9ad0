//! Where two columns first say different things, for whoever is told that a table has changed.

use super::{LookupTable, TableColumn};
use crate::plan::{EventExpr, NodeId, Op, Plan};
use crate::{Time, Value};
use std::collections::BTreeSet;
use std::fmt;

/// The first instant at which two columns differ, and what they say of a key there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What the table and the column are called.
    pub name: (String, String),
    /// Since when; [`Time::MIN`] where they always did.
    pub at: Time,
    /// Of several keys the least.
    pub key: Vec<Value>,
    /// What was said.
    pub before: Option<Value>,
    /// What is said now.
    pub after: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { name: (table, column), at, key, before, after } = self;
        let key: Vec<String> = key.iter().map(Value::to_string).collect();
        let says = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        write!(f, "table `{table}`: `{column}` of `{}` is {} and was {}", key.join(", "), says(after), says(before))?;
        match *at {
            Time::MIN => Ok(()),
            at => write!(f, " from {} on", crate::calendar::rfc3339(at, at.rem_euclid(crate::SECOND) != 0).as_str()),
        }
    }
}

impl TableColumn {
    /// Whether keys and values are of the types that those of another one have.
    pub fn is_like(&self, other: &TableColumn) -> bool {
        let types = |of: &TableColumn| {
            let key: Vec<_> = of.table.shape().key.iter().map(|(_, ty)| *ty).collect();
            (key, of.ty())
        };
        types(self) == types(other)
    }

    /// Where the column first says something else than another one did; nothing if it never does, or if keys and values are
    /// of other types.
    pub fn difference(&self, before: &TableColumn) -> Option<Difference> {
        if !self.is_like(before) {
            return None;
        }
        let name = (self.table.shape().name.clone(), self.name().to_owned());
        let mut first: Option<Difference> = None;
        for key in keys(&self.table, &before.table) {
            let now = |at: Time| self.table.look(usize::from(self.column), key, at);
            let then = |at: Time| before.table.look(usize::from(before.column), key, at);
            let mut at = Time::MIN;
            // Beyond what is known already nothing is the first.
            while first.as_ref().is_none_or(|known| at < known.at) {
                let ((after, next), (said, next_said)) = (now(at), then(at));
                if after != said {
                    let (key, after, before) = (key.to_vec(), after.cloned(), said.cloned());
                    first = Some(Difference { name: name.clone(), at, key, before, after });
                    break;
                }
                at = next.min(next_said);
                if at == Time::MAX {
                    break;
                }
            }
        }
        first
    }
}

/// The keys of two tables, each once, in their order.
fn keys<'t>(a: &'t LookupTable, b: &'t LookupTable) -> BTreeSet<&'t [Value]> {
    let of = |table: &'t LookupTable| (0..table.len()).map(|row| table.row(row).0);
    of(a).chain(of(b)).collect()
}

impl Plan {
    /// The columns of tables that it asks.
    pub fn tables(&self) -> Vec<&TableColumn> {
        let mut all = vec![];
        self.nodes.iter().for_each(|node| asked_by(&node.op, &mut all));
        all
    }

    /// Those that a worker asks, or one of those that it reads.
    pub fn tables_below(&self, root: NodeId) -> Vec<&TableColumn> {
        let (mut seen, mut open, mut all) = (BTreeSet::new(), vec![root], vec![]);
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(self.node(id).op.inputs());
                asked_by(&self.node(id).op, &mut all);
            }
        }
        all
    }
}

/// Adds the columns that a worker itself asks.
fn asked_by<'p>(op: &'p Op, all: &mut Vec<&'p TableColumn>) {
    match op {
        Op::Lookup { column, of: _ } => all.push(column),
        Op::Event(e) | Op::Each { value: e, .. } | Op::Filter { condition: e, .. } => asked_within(e, all),
        _ => {}
    }
}

fn asked_within<'e>(e: &'e EventExpr, all: &mut Vec<&'e TableColumn>) {
    match e {
        EventExpr::Column(_) | EventExpr::Constant(_) | EventExpr::Sample(_) => {}
        EventExpr::Not(a) => asked_within(a, all),
        EventExpr::Compare(_, a, b) | EventExpr::And(a, b) | EventExpr::Or(a, b) => {
            asked_within(a, all);
            asked_within(b, all);
        }
        EventExpr::Call(_, parts) => parts.iter().for_each(|part| asked_within(part, all)),
        EventExpr::Lookup(column, key) => {
            all.push(column);
            key.iter().for_each(|part| asked_within(part, all));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LookupTable, TableRow, TableShape};
    use super::*;
    use crate::Type;
    use std::sync::Arc;

    fn column(rows: &[(&str, Option<Time>, i64)]) -> TableColumn {
        let shape = TableShape {
            name: "tariff".into(),
            key: vec![("zone".into(), Type::String)],
            columns: vec![("price".into(), Type::Int)],
        };
        let row = |(zone, from, price): &(&str, Option<Time>, i64)| TableRow {
            key: vec![Value::text(zone)],
            from: *from,
            until: None,
            cells: vec![Some(Value::Int(*price))],
        };
        let table = LookupTable::new(shape, rows.iter().map(row)).expect("they do not overlap");
        TableColumn { table: Arc::new(table), column: 0 }
    }

    #[test]
    fn the_first_instant_counts_and_then_the_least_key() {
        let before = column(&[("a", Some(10), 1), ("a", Some(30), 2), ("b", None, 5)]);
        let told =
            |after: &[(&str, Option<Time>, i64)]| column(after).difference(&before).map(|found| found.to_string());
        assert_eq!(told(&[("b", None, 5), ("a", Some(30), 2), ("a", Some(10), 1)]), None);
        let second = crate::SECOND;
        let later = told(&[("a", Some(10), 1), ("a", Some(30), 2), ("a", Some(40 * second), 3), ("b", None, 5)]);
        assert_eq!(
            later.as_deref(),
            Some("table `tariff`: `price` of `a` is 3 and was 2 from 1970-01-01T00:00:40Z on")
        );
        let gone = told(&[("a", Some(10), 1), ("b", None, 5)]);
        assert_eq!(
            gone.as_deref(),
            Some("table `tariff`: `price` of `a` is 1 and was 2 from 1970-01-01T00:00:00.000000030Z on")
        );
        let more = told(&[("a", Some(10), 1), ("a", Some(30), 9), ("b", None, 5), ("c", None, 7), ("d", None, 7)]);
        assert_eq!(more.as_deref(), Some("table `tariff`: `price` of `c` is 7 and was nothing"));
    }
}
