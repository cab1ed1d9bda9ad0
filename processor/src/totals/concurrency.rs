//! For how many sessions of a group a condition is true at once: the changes of the count, by time.
//!
//! Sessions are looked at lazily and one after the other, so the count at an instant is known only when all have told their
//! turns: what is kept is by how much the count changes where it does, which adds up in any order.
//! It grows with the instants at which it changes; closed sessions do not shrink it. What a session tells is capped, and
//! changes that have become many are taken out into history, a part that adds up with others as the sessions do.

use super::amount::{Amount, FoldedNumber};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timeline_core::Time;
use timeline_core::incremental::ConcurrencyTurns;
use timeline_core::plan::{AggregateFunction, RatioUnit};

/// The count of a group, as its changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// Where the first session began.
    from: Time,
    /// The latest instant at which a session was read.
    until: Time,
    changes: BTreeMap<Time, i64>,
    /// For how long conditions were true before the turns that their sessions kept.
    #[serde(default, with = "super::wide")]
    before: i128,
    /// Where the window of the clock ends that it is the count of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Time>,
}

impl Concurrency {
    /// One session: from its beginning to its reading, with the turns of the condition.
    /// `is_over`: it counts no longer than to its reading.
    pub fn new(from: Time, until: Time, turns: &ConcurrencyTurns, is_over: bool) -> Self {
        let mut count =
            Concurrency { from, until, changes: BTreeMap::new(), before: i128::from(turns.before), window: None };
        for (i, turn) in turns.at.iter().enumerate() {
            count.change(*turn, if i % 2 == 0 { 1 } else { -1 });
        }
        if is_over && turns.at.len() % 2 == 1 {
            count.change(until, -1);
        }
        count
    }

    /// The same of a window of the clock that ends then.
    pub fn of_window(self, end: Time) -> Self {
        Concurrency { window: Some(end), ..self }
    }

    /// Takes other sessions in.
    pub fn merge(&mut self, other: &Concurrency) {
        self.from = self.from.min(other.from);
        self.until = self.until.max(other.until);
        self.before += other.before;
        self.window = self.window.max(other.window);
        other.changes.iter().for_each(|(at, by)| self.change(*at, *by));
    }

    /// Takes the changes out if they are more than that; of a window none are, for it is taken whole when it is over.
    pub fn take_changes(&mut self, most: usize) -> Option<Self> {
        let is_much = self.window.is_none() && self.changes.len() > most;
        is_much.then(|| Concurrency {
            changes: std::mem::take(&mut self.changes),
            before: std::mem::take(&mut self.before),
            ..*self
        })
    }

    /// A function of the count, at a horizon. What has a window counts for all of it that is over.
    pub fn result(&self, function: &AggregateFunction, horizon: Option<Time>) -> Amount {
        let until = self.window.map_or(self.until, |end| horizon.map_or(self.until, |at| at.max(self.until)).min(end));
        let now: i64 = self.changes.values().sum();
        match function {
            AggregateFunction::Now => Amount::Int(i128::from(now)),
            AggregateFunction::Peak => {
                let counts = self.changes.values().scan(0, |count, by| {
                    *count += by;
                    Some(*count)
                });
                Amount::Int(i128::from(counts.max().unwrap_or(0).max(0)))
            }
            AggregateFunction::Mean => {
                // Each change counts from where it happens to the end.
                let time = |at: Time| i128::from(until) - i128::from(at);
                let area: i128 = self.changes.iter().map(|(at, by)| time(*at) * i128::from(*by)).sum();
                Amount::Ratio {
                    numerator: FoldedNumber::Exact(area + self.before),
                    denominator: FoldedNumber::Exact(time(self.from)),
                    unit: RatioUnit::Plain,
                }
            }
            _ => Amount::Absent,
        }
    }

    fn change(&mut self, at: Time, by: i64) {
        let change = self.changes.entry(at).or_default();
        *change += by;
        if *change == 0 {
            self.changes.remove(&at);
        }
    }
}
