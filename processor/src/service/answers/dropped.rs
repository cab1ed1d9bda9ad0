//! What is said of answers that are without rows whose time was over.

use super::LogAnswer;
use crate::engine::{AnswerNote, MetricAt, TableScan};
use crate::results::{DroppedRows, PARTS};
use crate::totals::part::window_key;
use timeline_core::instant_text;

/// That a scan lacks such rows, if it does.
pub(in crate::service) fn dropped_rows(scan: &TableScan, logs: &[LogAnswer<'_>]) -> Option<AnswerNote> {
    let mut all: Option<DroppedRows> = None;
    for log in logs {
        let Some(table) = history_of(scan, log) else { continue };
        for dropped in log.answers().filter_map(|answer| answer.dropped.get(table)) {
            let known = all.get_or_insert(DroppedRows { rows: 0, ..*dropped });
            known.rows += dropped.rows;
            known.until = known.until.max(dropped.until);
        }
    }
    let DroppedRows { rows, until } = all?;
    let until = instant_text(until);
    let message = match &*scan.table {
        "totals" => format!("`totals` is without windows whose time was over: {rows} groups, told up to {until}"),
        "finals" | "alerts" | "late_events" | "dead_letters" => {
            format!("`{}` is without {rows} rows whose time was over, told up to {until}", scan.table)
        }
        table => {
            format!("`{table}` lacks what was told up to {until}: of all results {rows} rows, whose time was over")
        }
    };
    let help = "`serve --keep-results`, or `--history-keep` of tables, says how long rows are kept; without it they are kept for ever".into();
    Some(AnswerNote { message, help })
}

/// The table of history that a scan is made of.
fn history_of<'t>(scan: &'t TableScan, log: &LogAnswer<'_>) -> Option<&'t str> {
    match &*scan.table {
        table @ ("finals" | "alerts" | "late_events" | "dead_letters") => Some(table),
        // Totals of no window count sessions whose rows are gone.
        "totals" => {
            let wants = |name: &String| scan.outputs.as_ref().is_none_or(|outputs| outputs.contains(name));
            let mut metrics = log.plan().metrics.iter().enumerate();
            let is_windowed = metrics.any(|(i, metric)| wants(&metric.name) && window_key(log.plan(), i).is_some());
            is_windowed.then_some(PARTS)
        }
        "sessions" | "spans" => Some("finals"),
        "partitions" | "nodes" | "queries" => None,
        // Rows of what is over stand in for events that are not kept any more.
        name if MetricAt::of(name).is_some() => {
            let is_kept = log.answers().any(|answer| answer.reach.iter().any(|reach| reach.files.is_empty()));
            (is_kept && log.shows(&MetricAt::shown(name))).then_some("finals")
        }
        name if log.plan().alerts.iter().any(|alert| alert.name == name) => log.shows(name).then_some("alerts"),
        name => log.shows(name).then_some("finals"),
    }
}
