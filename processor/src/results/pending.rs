//! Rows that are told and not yet committed, and how those look that are no rows of results.
//!
//! **Invariant:** what is late and what could not be used stands in the order of the log, whoever told it.

use crate::labels::Labels;
use crate::records::{AlertRow, LateEvent, SessionSnapshot};
use crate::rows::{self, AlertColumns, ColumnKind, PARTS, RowCell, TableBuilder};
use crate::totals::PartialTotal;
use arrow::array::RecordBatch;
use event_feeder::{DeadLetter, Position};
use std::collections::BTreeSet;
use timeline_core::plan::Plan;

/// What has been told and is not yet committed.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    /// Sessions that ended.
    pub sessions: Vec<SessionSnapshot>,
    /// Spans of alerts that ended.
    pub alerts: Vec<AlertRow>,
    /// Events that came too late.
    pub late: Vec<LateEvent>,
    /// Records and values that could not be used.
    pub dead: Vec<DeadLetter>,
    /// What groups of windows came to that are over.
    pub parts: Vec<PartialTotal>,
}

impl Pending {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.sessions.len() + self.alerts.len() + self.late.len() + self.dead.len() + self.parts.len()
    }

    /// What of it belongs to sessions of some keys, or to none.
    #[must_use]
    pub fn of_keys(&self, keys: &BTreeSet<String>) -> Pending {
        Pending {
            sessions: self.sessions.iter().filter(|session| keys.contains(&*session.key)).cloned().collect(),
            alerts: self.alerts.iter().filter(|row| keys.contains(&*row.key)).cloned().collect(),
            late: self.late.iter().filter(|late| keys.contains(&*late.key)).cloned().collect(),
            dead: self.dead.clone(),
            parts: self.parts.clone(),
        }
    }

    /// What of it belongs to no session.
    #[must_use]
    pub fn beside_sessions(&self) -> Pending {
        Pending { dead: self.dead.clone(), parts: self.parts.clone(), ..Pending::default() }
    }

    /// Appends what was told later.
    pub fn append(&mut self, mut other: Pending) {
        self.sessions.append(&mut other.sessions);
        self.alerts.append(&mut other.alerts);
        self.late.append(&mut other.late);
        self.dead.append(&mut other.dead);
        self.parts.append(&mut other.parts);
    }

    /// Takes out what is not seen.
    pub(crate) fn hide(&mut self, plan: &Plan, labels: &Labels) {
        if labels.hidden.is_empty() {
            return;
        }
        for (i, _) in plan.metrics.iter().enumerate().filter(|(_, metric)| !labels.shows(&metric.name)) {
            for session in &mut self.sessions {
                if let Some(shares) = session.shares.get_mut(i) {
                    *shares = Default::default();
                }
            }
        }
        self.alerts.retain(|row| labels.shows(&plan.alerts[row.alert].name));
    }

    /// The rows of one of [`TABLES`](super::TABLES).
    pub fn table(&self, table: &str, plan: &Plan, partition: u32) -> RecordBatch {
        match table {
            "finals" => rows::finals(&[(plan, &self.sessions)]),
            "alerts" => rows::alerts(&[(plan, &self.alerts)], AlertColumns::Both),
            "late_events" => late_events(plan, partition, &self.late),
            "dead_letters" => dead_letters(plan, partition, &self.dead),
            PARTS => rows::parts(plan, &self.parts),
            other => unreachable!("{other} is no table of history"),
        }
    }
}

/// `source, partition, session, time, position, reason, repaired`.
pub fn late_events(plan: &Plan, partition: u32, late: &[LateEvent]) -> RecordBatch {
    let columns = [
        ("source", ColumnKind::Text),
        ("partition", ColumnKind::Int),
        ("session", ColumnKind::Text),
        ("time", ColumnKind::Time),
        ("position", ColumnKind::Text),
        ("reason", ColumnKind::Text),
        ("repaired", ColumnKind::Bool),
    ];
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    let mut late: Vec<&LateEvent> = late.iter().collect();
    late.sort_by_key(|late| late.position);
    for LateEvent { key, time, position, reason, repaired } in late {
        table.push([
            RowCell::Text(name_of(plan, *position)),
            RowCell::Int(i64::from(partition)),
            RowCell::Text(key.to_string()),
            RowCell::Time(*time),
            RowCell::Text(position.to_string()),
            RowCell::Text(reason.name().to_owned()),
            RowCell::Bool(*repaired),
        ]);
    }
    table.finish()
}

/// The source in whose log a place is.
fn name_of(plan: &Plan, position: Position) -> String {
    plan.source_at(usize::from(position.source)).name.clone()
}

/// `source, partition, origin, position, code, column, reason, record`; the record's bytes that are not UTF-8 are shown as U+FFFD.
pub fn dead_letters(plan: &Plan, partition: u32, dead: &[DeadLetter]) -> RecordBatch {
    let columns = ["source", "partition", "origin", "position", "code", "column", "reason", "record"];
    let kind = |name: &str| if name == "partition" { ColumnKind::Int } else { ColumnKind::Text };
    let mut table = TableBuilder::new(columns.map(|name| (name.to_owned(), kind(name))));
    let mut dead: Vec<&DeadLetter> = dead.iter().collect();
    dead.sort_by_key(|dead| dead.position);
    for letter in dead {
        table.push([
            RowCell::Text(name_of(plan, letter.position)),
            RowCell::Int(i64::from(partition)),
            RowCell::Text(letter.origin.to_string()),
            RowCell::Text(letter.position.to_string()),
            RowCell::Text(letter.code.as_str().to_owned()),
            letter.column.as_ref().map_or(RowCell::Null, |column| RowCell::Text(column.to_string())),
            RowCell::Text(letter.reason.to_string()),
            RowCell::Text(String::from_utf8_lossy(&letter.record).into_owned()),
        ]);
    }
    table.finish()
}
