//! Sessions as they are read.

use super::AlertRow;
use compact_str::CompactString;
use timeline_core::incremental::{ConcurrencyTurns, Share};
use timeline_core::plan::Plan;
use timeline_core::{Time, Value};

/// A session as it is read: for its final row, or alive.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionSnapshot {
    /// Its key.
    pub key: CompactString,
    /// Its first event.
    pub start: Time,
    /// Where it was read if it is over; the last event of one that silence closed, unless that is billed.
    pub end: Option<Time>,
    /// The instant at which it was read.
    pub read: Time,
    /// For each metric its value, or its shares.
    pub shares: Vec<Vec<Share>>,
    /// For each metric the values of the group columns that are states, `None` for other columns, those that are told
    /// apart in the group, and those that are shown beside it.
    pub groups: Vec<Vec<Option<Value>>>,
    /// For each metric that counts sessions at once where its condition turned, for each of its shares.
    pub turns: Vec<Vec<ConcurrencyTurns>>,
    /// Alerts that are still on; none once the session is over.
    pub open_alerts: Vec<AlertRow>,
    /// Whether it may have begun before anything was seen of it.
    pub partial: bool,
    /// How many values were forgotten beyond the caps of its workers.
    pub forgotten: u64,
    /// The window of the clock, from its first instant to the first after it, if it is one of those in place of a whole session:
    /// then it has values of those metrics alone that are told by such windows, and these have none elsewhere.
    pub window: Option<(Time, Time)>,
    /// Whether it is over only for the instant at which it was read: what still comes in time may change it.
    pub provisional: bool,
}

impl SessionSnapshot {
    /// What is shown beside the values of a metric, in its order.
    pub fn beside<'a>(&'a self, plan: &Plan, metric: usize) -> &'a [Option<Value>] {
        let all = self.groups.get(metric).map_or(&[][..], Vec::as_slice);
        let (_, beside) = all.split_at(all.len().saturating_sub(plan.metrics[metric].with.len()));
        beside
    }

    /// Whether it is a session, and not a window of one.
    pub fn is_whole(&self) -> bool {
        self.window.is_none()
    }
}
