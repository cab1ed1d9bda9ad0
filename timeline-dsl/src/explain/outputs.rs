//! What a plan answers, as headings: the rule by which sessions end, metrics, alerts.

use super::expected::RowsADay;
use super::operator::{duration_text, every_text};
use timeline_core::Plan;
use timeline_core::plan::{Aggregate, AggregateFunction, AggregateMembers, Beside, EndRule, GroupOf, NodeId};

/// Something that reads nodes and is no node.
pub(super) struct OutputEdge {
    /// `end`, `metric` or `alert`.
    pub(super) what: &'static str,
    /// Empty for the end rule.
    pub(super) name: String,
    /// What stands behind the name.
    pub(super) rest: String,
    /// What it reads; the first is the root.
    pub(super) roots: Vec<NodeId>,
}

/// All of a plan, the end rule last.
pub(super) fn outputs(plan: &Plan) -> Vec<OutputEdge> {
    let mut all = vec![];
    for metric in &plan.metrics {
        let mut roots = vec![metric.root];
        let mut rest = vec![];
        if !metric.dimensions.is_empty() {
            rest.push(format!("split by {}", metric.dimensions.join(", ")));
        }
        if let Some((_, every)) = metric.windows_of_events() {
            rest.push(format!("every {}", every_text(every)));
        }
        if let Some(aggregate) = &metric.aggregate {
            rest.push(aggregate_text(aggregate));
        }
        rest.extend(with_text(&metric.with));
        rest.extend(RowsADay::of(plan, metric).map(|rows| rows.to_string()));
        roots.extend(metric.beside().filter_map(|of| match of {
            GroupOf::State(id) => Some(id),
            GroupOf::Dimension(_) | GroupOf::Window(_) => None,
        }));
        all.push(OutputEdge { what: "metric", name: metric.name.clone(), rest: rest.join("  "), roots });
    }
    for alert in &plan.alerts {
        let roots = std::iter::once(alert.root).chain(alert.with.iter().map(|beside| beside.of)).collect();
        let rest = with_text(&alert.with).unwrap_or_default();
        all.push(OutputEdge { what: "alert", name: alert.name.clone(), rest, roots });
    }
    if let Some(when) = plan.end.when {
        all.push(OutputEdge { what: "end", name: String::new(), rest: "of a session".into(), roots: vec![when] });
    }
    all
}

/// What is shown beside the rows of an output.
fn with_text(with: &[Beside]) -> Option<String> {
    let names: Vec<&str> = with.iter().map(|beside| beside.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("with {}", names.join(", ")))
}

/// `| aggregate(...)` as a program writes it.
pub fn aggregate_text(aggregate: &Aggregate) -> String {
    let mut parts = vec![];
    match aggregate.members {
        AggregateMembers::All => {}
        AggregateMembers::Closed => parts.push("closed".to_owned()),
        AggregateMembers::Live => parts.push("live".to_owned()),
    }
    if !aggregate.group_by.is_empty() {
        let keys: Vec<&str> = aggregate.group_by.iter().map(|k| k.name.as_str()).collect();
        parts.push(format!("group_by({})", keys.join(", ")));
    }
    parts.extend(aggregate.functions.iter().map(|function| match function {
        AggregateFunction::Distinct { name, .. } => format!("distinct({name})"),
        function => function.name(),
    }));
    format!("| aggregate({})", parts.join(", "))
}

/// `when ... or after ...` as a program writes it; empty where sessions never end.
pub(super) fn end_text(plan: &Plan, end: &EndRule) -> String {
    let mut parts = vec![];
    if let Some(when) = end.when {
        let linger = match end.linger {
            0 => String::new(),
            d => format!(" linger {}", duration_text(d)),
        };
        parts.push(format!("when {}{linger}", super::operator_text(plan, when)));
    }
    if let Some(d) = end.silence {
        let billed = if end.billed { " billed" } else { "" };
        parts.push(format!("after {}{billed}", duration_text(d)));
    }
    if let Some(d) = end.max_age {
        parts.push(format!("after {} in all", duration_text(d)));
    }
    parts.join(" or ")
}
