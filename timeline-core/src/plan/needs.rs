//! What some record has to have, or a part of a plan says nothing but "no": a text that a column is compared with, a key of a
//! table that is asked, several columns at once.
//!
//! It follows from the plan alone, so whoever decodes records can look for it, and whoever answers knows what an answer is
//! without. Only what is plain is asked for: of values that are made of others (`lower(door)`) nothing is.

use super::{ColumnId, Compare, EventExpr, LookupTable, NodeId, Op, Plan, Scalar};
use crate::{Type, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Something that some record has to have.
#[derive(Clone, Debug)]
pub struct RecordNeed {
    /// What it is.
    pub what: Need,
    /// The columns that it is of, as a set of column bits: one, but of [`Need::Together`].
    pub columns: u64,
    /// The source that has them, by its number.
    pub source: u8,
    /// The nodes that need it.
    pub nodes: BTreeSet<NodeId>,
    /// Whether it is only told from (`state != "failed"`): then it is well if nothing has it.
    pub is_excluded: bool,
}

/// What has to be there.
#[derive(Clone, Debug)]
pub enum Need {
    /// A text in a column of texts.
    Text(Arc<str>),
    /// In a column of texts or whole numbers the first part of some row's key.
    Row(Arc<LookupTable>),
    /// Values of all the columns.
    Together,
}

impl Need {
    fn is_as(&self, other: &Need) -> bool {
        match (self, other) {
            (Need::Text(a), Need::Text(b)) => a == b,
            (Need::Row(a), Need::Row(b)) => Arc::ptr_eq(a, b) || a.shape().name == b.shape().name,
            (Need::Together, Need::Together) => true,
            _ => false,
        }
    }
}

impl RecordNeed {
    /// Of how many needs of a plan anything is known: a set of them is one word, in which each has the bit of its number.
    pub const MAX: usize = 64;
}

impl Plan {
    /// What some record has to have, in an order that follows from the plan; at most [`RecordNeed::MAX`].
    pub fn needs(&self) -> Vec<RecordNeed> {
        let mut all = Needs { plan: self, found: vec![] };
        for (id, node) in self.iter() {
            match &node.op {
                Op::Event(e) => all.within(id, e, false),
                Op::Each { value: e, .. } | Op::Filter { condition: e, .. } => all.within(id, e, false),
                Op::CompareStates { compare: compare @ (Compare::Eq | Compare::Ne), left, right } => {
                    for (state, constant) in [(left, right), (right, left)] {
                        if let (Some(column), Op::Constant(value)) = (self.column_of(*state), &self.node(*constant).op)
                        {
                            all.text(id, column, value, *compare == Compare::Ne);
                        }
                    }
                }
                Op::Lookup { column, of } => {
                    if let Some(key) = of.first().and_then(|key| self.column_of(*key)) {
                        all.row(id, key, &column.table);
                    }
                }
                _ => {}
            }
            all.together(id, self.needed_of_record(id));
        }
        all.found.truncate(RecordNeed::MAX);
        all.found
    }

    /// Which of the needs some nodes have, those included that end sessions: a set of the bits of their numbers.
    pub fn needs_of(&self, nodes: &BTreeSet<NodeId>) -> u64 {
        let (mut asking, mut open) = (nodes.clone(), self.end.when.into_iter().collect::<Vec<_>>());
        while let Some(id) = open.pop() {
            if asking.insert(id) {
                open.extend(self.node(id).op.inputs());
            }
        }
        let needs = self.needs().into_iter().enumerate();
        needs.filter(|(_, need)| !need.nodes.is_disjoint(&asking)).fold(0, |set, (i, _)| set | 1 << i)
    }

    /// The column whose values a state has, as they are.
    fn column_of(&self, state: NodeId) -> Option<ColumnId> {
        match &self.node(state).op {
            Op::Latest { of, .. } | Op::First { of } | Op::Previous { of, .. } => self.column_of_event(*of),
            Op::Delayed { of, .. } => self.column_of(*of),
            _ => None,
        }
    }

    fn column_of_event(&self, event: NodeId) -> Option<ColumnId> {
        match &self.node(event).op {
            Op::Event(EventExpr::Column(column)) => Some(*column),
            Op::Filter { event, .. } => self.column_of_event(*event),
            _ => None,
        }
    }

    /// The columns that the record behind an event has to have, for the event to say anything.
    fn needed_of_record(&self, event: NodeId) -> u64 {
        match &self.node(event).op {
            Op::Event(e) => needed(e, true),
            Op::Each { event, value: e, .. } | Op::Filter { event, condition: e, .. } => {
                self.needed_of_record(*event) | needed(e, true)
            }
            Op::FollowedBy { then, .. } => self.needed_of_record(*then),
            // A record counts that has them all.
            Op::User { of, .. } => of.iter().fold(0, |columns, argument| columns | self.needed_of_record(*argument)),
            _ => 0,
        }
    }
}

struct Needs<'p> {
    plan: &'p Plan,
    found: Vec<RecordNeed>,
}

impl Needs<'_> {
    fn add(&mut self, id: NodeId, columns: u64, what: Need, is_excluded: bool) {
        let known = self.found.iter_mut().find(|known| known.columns == columns && known.what.is_as(&what));
        if let Some(known) = known {
            known.nodes.insert(id);
            known.is_excluded &= is_excluded;
            return;
        }
        let mut of = self.plan.columns.iter().enumerate().filter(|(i, _)| columns >> i & 1 == 1).map(|(_, c)| c.source);
        // What is asked of several sources at once is asked of no record.
        if let Some(source) = of.next().filter(|source| of.all(|other| other == *source)) {
            self.found.push(RecordNeed { what, columns, source, nodes: [id].into(), is_excluded });
        }
    }

    fn text(&mut self, id: NodeId, column: ColumnId, value: &Value, is_excluded: bool) {
        if let (Type::String, Value::Str(text)) = (self.plan.columns[column.index()].ty, value) {
            self.add(id, column.bit(), Need::Text(Arc::clone(text)), is_excluded);
        }
    }

    fn row(&mut self, id: NodeId, column: ColumnId, table: &Arc<LookupTable>) {
        let ty = self.plan.columns[column.index()].ty;
        let is_first = table.shape().key.first().is_some_and(|(_, first)| *first == ty);
        if is_first && matches!(ty, Type::String | Type::Int) {
            self.add(id, column.bit(), Need::Row(Arc::clone(table)), false);
        }
    }

    fn together(&mut self, id: NodeId, columns: u64) {
        if columns.count_ones() > 1 {
            self.add(id, columns, Need::Together, false);
        }
    }

    /// What is needed within an expression, or within what is denied.
    fn within(&mut self, id: NodeId, e: &EventExpr, is_denied: bool) {
        match e {
            EventExpr::Column(_) | EventExpr::Constant(_) | EventExpr::Sample(_) => {}
            EventExpr::Compare(compare, a, b) => {
                for (one, other) in [(a, b), (b, a)] {
                    if let (Compare::Eq | Compare::Ne, EventExpr::Column(column), EventExpr::Constant(value)) =
                        (compare, &**one, &**other)
                    {
                        self.text(id, *column, value, (*compare == Compare::Ne) != is_denied);
                    }
                }
                self.within(id, a, is_denied);
                self.within(id, b, is_denied);
            }
            EventExpr::And(a, b) | EventExpr::Or(a, b) => {
                self.within(id, a, is_denied);
                self.within(id, b, is_denied);
            }
            EventExpr::Not(a) => self.within(id, a, !is_denied),
            EventExpr::Call(_, parts) => parts.iter().for_each(|part| self.within(id, part, is_denied)),
            EventExpr::Lookup(column, key) => {
                if let Some(EventExpr::Column(first)) = key.first() {
                    self.row(id, *first, &column.table);
                }
                key.iter().for_each(|part| self.within(id, part, is_denied));
            }
        }
    }
}

/// The columns without any of which an expression is never true, or never false; of one that is no condition, without which
/// it never has a value.
fn needed(e: &EventExpr, truth: bool) -> u64 {
    match (e, truth) {
        (EventExpr::Column(column), _) => column.bit(),
        (EventExpr::Constant(_) | EventExpr::Sample(_), _) => 0,
        (EventExpr::Compare(_, a, b), _) => valued(a) | valued(b),
        (EventExpr::Not(a), truth) => needed(a, !truth),
        (EventExpr::And(a, b), true) | (EventExpr::Or(a, b), false) => needed(a, truth) | needed(b, truth),
        (EventExpr::And(a, b), false) | (EventExpr::Or(a, b), true) => needed(a, truth) & needed(b, truth),
        (EventExpr::Call(Scalar::If, parts), truth) => match &parts[..] {
            [condition, then, otherwise] => (needed(condition, true) | needed(then, truth)) & needed(otherwise, truth),
            _ => 0,
        },
        (EventExpr::Call(Scalar::Coalesce, parts), truth) => {
            parts.iter().map(|part| needed(part, truth)).reduce(|all, part| all & part).unwrap_or(0)
        }
        (EventExpr::Call(Scalar::Exists, parts), truth) => {
            if truth {
                parts.iter().fold(0, |columns, part| columns | valued(part))
            } else {
                0
            }
        }
        (EventExpr::Call(_, parts) | EventExpr::Lookup(_, parts), _) => {
            parts.iter().fold(0, |columns, part| columns | valued(part))
        }
    }
}

/// The columns without any of which an expression never has a value.
fn valued(e: &EventExpr) -> u64 {
    needed(e, true) & needed(e, false)
}
