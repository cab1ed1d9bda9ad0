//! What rows depend on beside the log, as a digest: what has another meaning is something else, under whatever name.
//!
//! **Invariant:** queries that are deployed beside others change no meaning of theirs: what is digested are encodings in which
//! nodes are named by fingerprints, for their numbers are those of one plan.

use std::collections::BTreeMap;
use timeline_core::plan::{Alert, Fingerprint, Metric, Plan};

/// That of an alert's spans.
pub(super) fn of_alert(plan: &Plan, alert: &Alert) -> String {
    digest(&plan.encoding_of_alert(alert))
}

/// That of a metric's values.
pub(super) fn of_values(plan: &Plan, metric: &Metric) -> String {
    digest(&plan.encoding_of_values(metric))
}

/// That of a metric's totals.
pub(super) fn of_totals(plan: &Plan, metric: &Metric) -> String {
    digest(&plan.encoding_of_totals(metric))
}

/// Those of all outputs of a plan, by name: what is told and kept of them, from wherever the logs are read.
pub(crate) fn of_outputs(plan: &Plan) -> BTreeMap<String, String> {
    let plan = &Plan { since: 0, ..plan.clone() };
    let metric = |metric: &Metric| {
        let (totals, sums) = (of_totals(plan, metric), metric.aggregate.is_some());
        let with = plan.encoding_of_beside(&metric.with);
        (metric.name.clone(), format!("metric {totals} {sums} {}{with}", metric.keep_spans))
    };
    let alert = |alert: &Alert| {
        let with = plan.encoding_of_beside(&alert.with);
        (alert.name.clone(), format!("alert {}{with}", of_alert(plan, alert)))
    };
    plan.metrics.iter().map(metric).chain(plan.alerts.iter().map(alert)).collect()
}

/// That of the sessions of a plan, from wherever the logs are read.
pub(crate) fn of_sessions(plan: &Plan) -> String {
    digest(&Plan { since: 0, ..plan.clone() }.encoding_of_sessions())
}

fn digest(text: &str) -> String {
    Fingerprint::of_text(text).to_string()
}
