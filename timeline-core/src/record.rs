//! Events in the form that is easy to read: one [`Field`] for each column of the plan.
//!
//! The engine's hot path carries the same facts packed (see the `incremental` evaluator);
//! this form serves the reference evaluator, tests and anything that shows events to people.

use crate::{Time, Value};

/// What an event says of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// The column is not in the event: no event on that column.
    Missing,
    /// An explicit null: sets the state to absent.
    Null,
    /// A value of the column's type.
    Value(Value),
}

/// One accepted event of a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// When it happened.
    pub time: Time,
    /// The source that has it, by its number in [`crate::Plan::sources`]; of equal times, those of earlier sources come first.
    pub source: u8,
    /// The producer's order among equal times; a missing one sorts first.
    pub order: Option<Order>,
    /// Place in the log of its source; breaks ties.
    pub position: u64,
    /// One field per column of [`crate::Plan::columns`], in that order.
    pub fields: Vec<Field>,
}

/// A value of the order column, comparable whatever its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order(u64);

impl Order {
    /// The order of an `int` column.
    pub fn int(x: i64) -> Self {
        Order((x as u64) ^ (1 << 63))
    }

    /// The order of a finite `float` column.
    pub fn float(x: f64) -> Self {
        let bits = (x + 0.0).to_bits();
        Order(if bits >> 63 == 0 { bits | (1 << 63) } else { !bits })
    }

    /// The sortable bits, for codecs.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The inverse of [`Order::bits`].
    pub fn from_bits(bits: u64) -> Self {
        Order(bits)
    }
}

impl Record {
    /// What orders the events of one session: time, then the source, then the producer's order, then the log.
    pub fn sort_key(&self) -> (Time, u8, Option<Order>, u64) {
        (self.time, self.source, self.order, self.position)
    }
}
