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
                let action = if unchanged || known.contains(&node.fingerprint) { "keep" } else { "rebuild" };
                json!({"source": plan.name(), "id": id.to_string(), "operator": text(plan, id), "action": action})
            })
        })
        .collect();
    json!({
        "nodes": nodes,
        "added": new.difference(&old).collect::<Vec<_>>(),
        "removed": old.difference(&new).collect::<Vec<_>>(),
        "unchanged": new.intersection(&old).collect::<Vec<_>>(),
        "replays_log": !unchanged,
    })
}
