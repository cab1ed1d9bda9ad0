//! What is said of answers that are without rows whose time was over.

use super::LogAnswer;
use crate::engine::{Note, TableScan};
use crate::results::{DroppedRows, PARTS};
use timeline_core::instant_text;

/// That a scan lacks such rows, if it does.
pub(in crate::service) fn dropped_rows(scan: &TableScan, logs: &[LogAnswer<'_>]) -> Option<Note> {
    let mut all: Option<DroppedRows> = None;
    for log in logs {
        let Some(table) = history_of(&scan.table, log) else { continue };
        for dropped in log.answers().filter_map(|answer| answer.dropped.get(table)) {
            let known = all.get_or_insert(DroppedRows { rows: 0, ..*dropped });
            known.rows += dropped.rows;
            known.until = known.until.max(dropped.until);
        }
    }
    let DroppedRows { rows, until } = all?;
    Some(Note {
        message: format!(
            "{rows} rows that `{}` is made of were kept for so long only, and are dropped: told up to {}",
            scan.table,
            instant_text(until)
        ),
        help: "`serve --keep-results` says how long rows are kept; without it they are kept for ever".into(),
    })
}

/// The table of history that a table is made of.
fn history_of<'t>(table: &'t str, log: &LogAnswer<'_>) -> Option<&'t str> {
    match table {
        "finals" | "alerts" | "late_events" | "dead_letters" => Some(table),
        "totals" => Some(PARTS),
        "sessions" | "spans" => Some("finals"),
        "partitions" | "nodes" | "queries" => None,
        name if log.plan().alerts.iter().any(|alert| alert.name == name) => log.shows(name).then_some("alerts"),
        name => log.shows(name).then_some("finals"),
    }
}
