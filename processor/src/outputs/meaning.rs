//! What rows depend on beside the log, as a text: what has another meaning is something else, under whatever name.
//!
//! **Invariant:** queries that are deployed beside others change no meaning of theirs: nodes are named by fingerprints, for their
//! numbers are those of one plan.

use std::collections::BTreeMap;
use timeline_core::plan::{Alert, EndRule, Fingerprint, GroupOf, Metric, Plan, RULES};

/// That of an alert's spans.
pub(super) fn of_alert(plan: &Plan, alert: &Alert) -> String {
    digest(&format!("{} {}", sessions(plan), plan.node(alert.root).fingerprint))
}

/// That of a metric's values.
pub(super) fn of_values(plan: &Plan, metric: &Metric) -> String {
    digest(&values(plan, metric))
}

/// That of a metric's totals.
pub(super) fn of_totals(plan: &Plan, metric: &Metric) -> String {
    let mut text = values(plan, metric);
    if let Some(aggregate) = &metric.aggregate {
        text += &format!(" {:?} {:?}", aggregate.functions, aggregate.members);
        for key in &aggregate.group_by {
            text += &match key.of {
                GroupOf::Dimension(d) => format!(" {:?} {d}", key.name),
                GroupOf::State(node) => format!(" {:?} {}", key.name, plan.node(node).fingerprint),
            };
        }
    }
    digest(&text)
}

/// Those of all outputs of a plan, by name: what is told and kept of them, from wherever the logs are read.
pub(crate) fn of_outputs(plan: &Plan) -> BTreeMap<String, String> {
    let plan = &Plan { since: 0, ..plan.clone() };
    let metric = |metric: &Metric| {
        let (totals, sums) = (of_totals(plan, metric), metric.aggregate.is_some());
        (metric.name.clone(), format!("metric {totals} {sums} {}", metric.keep_spans))
    };
    let alert = |alert: &Alert| (alert.name.clone(), format!("alert {}", of_alert(plan, alert)));
    plan.metrics.iter().map(metric).chain(plan.alerts.iter().map(alert)).collect()
}

/// That of the sessions of a plan, from wherever the logs are read.
pub(crate) fn of_sessions(plan: &Plan) -> String {
    digest(&sessions(&Plan { since: 0, ..plan.clone() }))
}

fn values(plan: &Plan, metric: &Metric) -> String {
    format!("{} {} {:?}", sessions(plan), plan.node(metric.root).fingerprint, metric.dimensions)
}

/// Of which events sessions are made, and how they end.
fn sessions(plan: &Plan) -> String {
    let EndRule { when, silence, billed, max_age, linger } = plan.end;
    let when = when.map(|when| plan.node(when).fingerprint.to_string());
    let sources: Vec<_> = plan.sources().collect();
    let once = plan.dedup.iter().map(|dedup| (&plan.columns[dedup.column.index()].path, dedup.within));
    let once: Vec<_> = once.collect();
    let ends = format!("{when:?} {silence:?} {billed} {max_age:?} {linger}");
    format!("{RULES} {sources:?} {once:?} {:?} {ends}", plan.since)
}

fn digest(text: &str) -> String {
    Fingerprint::of_text(text).to_string()
}
