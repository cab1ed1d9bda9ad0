//! What is read of a session: its final row, or how it is while it is alive; and the windows in place of it.

use crate::records::{AlertRow, SessionSnapshot};
use compact_str::CompactString;
use timeline_core::Time;
use timeline_core::incremental::{Evaluator, Row, SessionView, Window};
use timeline_core::plan::Plan;

pub(super) fn reading(evaluator: &Evaluator, key: &CompactString, row: &Row<'_>, end: Option<Time>) -> SessionSnapshot {
    let plan = evaluator.plan();
    let view = evaluator.view(row);
    let metrics = 0..plan.metrics.len();
    let shares = metrics.clone().map(|metric| view.whole_shares(metric)).collect();
    let groups = metrics.clone().map(|metric| view.beside(metric)).collect();
    let open_alerts = if end.is_none() { open_alerts(&view, plan, key) } else { vec![] };
    let turns = metrics.map(|metric| view.whole_turns(metric)).collect();
    let (start, read) = (row.origin(), row.now());
    let (partial, forgotten) = (row.is_partial(), view.forgotten());
    SessionSnapshot {
        key: key.clone(),
        start,
        end,
        read,
        shares,
        groups,
        turns,
        open_alerts,
        partial,
        forgotten,
        window: None,
        provisional: false,
    }
}

/// The alerts that are on.
pub(super) fn open_alerts(view: &SessionView<'_>, plan: &Plan, key: &CompactString) -> Vec<AlertRow> {
    let row = |alert: usize| {
        let (start, with) = view.open_alert(alert)?;
        Some(AlertRow { key: key.clone(), alert, start, end: None, with })
    };
    (0..plan.alerts.len()).filter_map(row).collect()
}

impl SessionSnapshot {
    /// A window of a session, which is over where `end` says.
    pub(super) fn of_window(
        plan: &Plan,
        key: &CompactString,
        row: &Row<'_>,
        window: Window,
        end: Option<Time>,
    ) -> Self {
        let count = plan.metrics.len();
        let (mut shares, mut groups, mut turns) = (vec![vec![]; count], vec![vec![]; count], vec![vec![]; count]);
        for own in window.metrics {
            shares[own.metric] = own.shares;
            groups[own.metric] = own.groups;
            turns[own.metric] = own.turns;
        }
        SessionSnapshot {
            key: key.clone(),
            start: window.start,
            end,
            read: window.read,
            shares,
            groups,
            turns,
            open_alerts: vec![],
            partial: row.is_partial(),
            forgotten: window.forgotten,
            window: Some((window.begin, window.end)),
            provisional: false,
        }
    }
}
