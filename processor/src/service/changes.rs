//! What a change of the programs does, told before it is done.

use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::plan::{NodeId, Plan};

/// What a deployment does to every node: one that is known by its fingerprint keeps its meaning, but as the log is read
/// again its state is computed anew with the others.
pub(super) fn changes(before: &[Arc<Plan>], after: &[Arc<Plan>], text: impl Fn(&Plan, NodeId) -> String) -> Json {
    let known: BTreeSet<_> = before.iter().flat_map(|plan| plan.nodes.iter().map(|node| node.fingerprint)).collect();
    let names = |plans: &[Arc<Plan>]| -> BTreeSet<String> {
        let of = |plan: &Arc<Plan>| {
            let metrics = plan.metrics.iter().map(|metric| metric.name.clone());
            metrics.chain(plan.alerts.iter().map(|alert| alert.name.clone())).collect::<Vec<_>>()
        };
        plans.iter().flat_map(of).collect()
    };
    let (old, new) = (names(before), names(after));
    let unchanged = before == after;
    let nodes: Vec<Json> = after
        .iter()
        .flat_map(|plan| {
            plan.iter().map(|(id, node)| {
                let is_old = before.iter().any(|old| old.name() == plan.name());
                let action = match (unchanged || is_old && known.contains(&node.fingerprint), plan.since) {
                    (true, _) => "keep",
                    (false, 0) => "rebuild",
                    (false, _) => "begin",
                };
                json!({"source": plan.name(), "id": id.to_string(), "operator": text(plan, id), "action": action})
            })
        })
        .collect();
    json!({
        "nodes": nodes,
        "added": new.difference(&old).collect::<Vec<_>>(),
        "removed": old.difference(&new).collect::<Vec<_>>(),
        "unchanged": new.intersection(&old).collect::<Vec<_>>(),
        "replays_log": after.iter().any(|plan| plan.since == 0 && !before.contains(plan)),
        "notes": notes(before, after),
    })
}

/// What whoever deploys queries that begin now should know of their sessions.
fn notes(before: &[Arc<Plan>], after: &[Arc<Plan>]) -> Vec<String> {
    let new = after.iter().filter(|plan| plan.since > 0 && !before.iter().any(|old| old.name() == plan.name()));
    let note = |plan: &Arc<Plan>| {
        let longest = [plan.end.silence, plan.end.max_age].into_iter().flatten().min();
        let late = plan.sources().map(|source| source.lateness).max().unwrap_or(0);
        let which = match longest {
            Some(longest) => {
                let seconds = longest.saturating_add(late) as f64 / 1e9;
                format!(
                    "sessions that begin within {seconds} s after the first event are partial, later ones are whole"
                )
            }
            None => "its sessions may be of any length, so all are partial; `end after 30m` in the source bounds them"
                .into(),
        };
        format!("{} begins with the next event: {which}", plan.name())
    };
    new.map(note).collect()
}
