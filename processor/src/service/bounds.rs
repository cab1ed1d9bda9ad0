//! How much of which plan a question reads.
//!
//! **Invariant:** what is not asked for is what the question cannot see: every scan's bounds are conditions that the
//! question itself puts on its rows.

use super::answers;
use super::work::Bound;
use crate::engine::{MetricAt, TableScan};
use crate::partition::{Ask, Asks};
use crate::spans;
use std::collections::BTreeSet;
use timeline_core::plan::Plan;

/// Whether a table tells what runs and how far it is, and nothing of sessions: that is of use as of a while ago, too.
pub(super) fn tells_of_work(table: &str) -> bool {
    matches!(table, "queries" | "nodes" | "partitions")
}

/// What each plan is asked for some scans.
pub(super) fn asks(bound: &[Bound], scans: &[TableScan]) -> Asks {
    let of = |bound: &Bound| {
        let shows = |name: &str| bound.labels.shows(name) && answers::has(&bound.plan, name);
        let asks = scans.iter().map(|scan| of_scan(&bound.plan, scan, &shows));
        (bound.plan.name(), asks.fold(Ask::Status, Ask::and))
    };
    // One that came meanwhile is asked again.
    let rest = scans.iter().map(|scan| of_table(&scan.table, None)).fold(Ask::Status, Ask::and);
    Asks { rest, of: bound.iter().map(of).collect() }
}

/// What one plan is asked for a scan; `shows` says whether it has an output of that name.
fn of_scan(plan: &Plan, scan: &TableScan, shows: &dyn Fn(&str) -> bool) -> Ask {
    let has_any = scan.outputs.as_ref().is_none_or(|names| names.iter().any(|name| shows(name)));
    let tells = match scan.table.as_str() {
        "spans" => has_any && spans::are_kept(plan),
        "finals" | "alerts" | "totals" => has_any,
        "sessions" | "late_events" | "dead_letters" | "queries" | "nodes" | "partitions" => true,
        name => shows(&MetricAt::shown(name)),
    };
    if tells { of_table(&scan.table, scan.sessions.as_ref()) } else { Ask::Status }
}

/// What is asked for a table, or what of it belongs to some sessions.
fn of_table(table: &str, sessions: Option<&BTreeSet<String>>) -> Ask {
    // What is told by reading the log again.
    let is_replayed = table == "spans" || MetricAt::of(table).is_some();
    match (table, sessions) {
        ("totals", _) => Ask::Totals,
        (_, Some(keys)) if is_replayed && keys.len() == 1 => keys.iter().next().cloned().map_or(Ask::Spans, Ask::Key),
        _ if is_replayed => Ask::Spans,
        (table, _) if !answers::reads_sessions(table) => Ask::Status,
        (_, Some(keys)) => Ask::Keys(keys.clone()),
        (_, None) => Ask::Sessions,
    }
}
