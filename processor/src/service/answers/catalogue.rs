//! What runs: partitions, nodes and queries, each a table.

use super::{LogAnswer, sum};
use crate::checkpoint::{self, SilentStore};
use crate::log_position;
use crate::partition::{MissingNeed, PartitionAnswer, RecordFindings};
use crate::rows::{ColumnKind, RowCell, TableBuilder};
use crate::service::work::Bound;
use arrow::array::RecordBatch;
use std::collections::{BTreeMap, BTreeSet};
use timeline_core::incremental::RowLayout;
use timeline_core::plan::{NodeId, Plan, TimelineKind};
use timeline_dsl::explain::{aggregate_text, definition_text, operator_text, shown_text};

pub(super) fn partitions(logs: &[LogAnswer<'_>]) -> RecordBatch {
    let columns = [
        ("source", ColumnKind::Text),
        ("partition", ColumnKind::Int),
        ("position", ColumnKind::Text),
        ("watermark", ColumnKind::Time),
        ("horizon", ColumnKind::Time),
        ("epoch", ColumnKind::Int),
        ("records", ColumnKind::Int),
        ("events", ColumnKind::Int),
        ("late_events", ColumnKind::Int),
        ("dead_letters", ColumnKind::Int),
        ("duplicates", ColumnKind::Int),
        ("live_sessions", ColumnKind::Int),
        ("closed_sessions", ColumnKind::Int),
        ("state_bytes", ColumnKind::Int),
        ("owner", ColumnKind::Text),
        ("gaps", ColumnKind::Text),
        ("damaged", ColumnKind::Text),
        ("published", ColumnKind::Int),
        ("waiting", ColumnKind::Int),
        ("catching_up", ColumnKind::Bool),
        ("misrouted", ColumnKind::Int),
        ("queued_bytes", ColumnKind::Int),
        ("kept_bytes", ColumnKind::Int),
        ("evaluate_seconds", ColumnKind::Float),
        ("keeping_bytes", ColumnKind::Int),
    ];
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for (log, answer) in logs.iter().flat_map(|log| log.answers.iter().map(move |answer| (log, answer))) {
        let int = |x: u64| RowCell::Int(x as i64);
        let time = |t: Option<i64>| t.map_or(RowCell::Null, RowCell::Time);
        let counts = answer.counts;
        let gaps = log_position::gaps(&answer.plan, &answer.reach);
        let damaged = answer.damage.texts();
        table.push([
            RowCell::Text(answer.plan.name()),
            RowCell::Int(i64::from(answer.partition)),
            RowCell::Text(log_position::to_text(&answer.plan, &answer.reach)),
            time(answer.watermark),
            time(answer.horizon),
            int(answer.epoch),
            int(counts.records),
            int(counts.events),
            int(counts.late),
            int(counts.dead),
            int(counts.duplicates),
            int(answer.live),
            int(counts.closed),
            int(answer.bytes),
            answer.owner.clone().map_or(RowCell::Null, RowCell::Text),
            if gaps.is_empty() { RowCell::Null } else { RowCell::Text(gaps.join("; ")) },
            if damaged.is_empty() { RowCell::Null } else { RowCell::Text(damaged.join("; ")) },
            sum(answer, |output| output.published).map_or(RowCell::Null, int),
            sum(answer, |output| output.waiting).map_or(RowCell::Null, int),
            RowCell::Bool(!log.bound.answers()),
            int(counts.misrouted),
            int(answer.queued_bytes),
            int(answer.kept_bytes()),
            RowCell::Float(answer.busy_ns as f64 / 1e9),
            int(answer.keeping_bytes),
        ]);
    }
    table.finish()
}

pub(super) fn nodes(logs: &[LogAnswer<'_>]) -> RecordBatch {
    let columns = ["source", "node", "operator", "kind", "worker", "fingerprint"].map(|name| (name, ColumnKind::Text));
    let columns = columns.into_iter().chain([
        ("bytes", ColumnKind::Int),
        ("used_by", ColumnKind::Int),
        ("name", ColumnKind::Text),
    ]);
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for plan in logs.iter().map(|log| log.plan) {
        let layout = RowLayout::new(plan);
        for (id, node) in plan.iter() {
            table.push([
                RowCell::Text(plan.name()),
                RowCell::Text(id.to_string()),
                RowCell::Text(definition_text(plan, id)),
                RowCell::Text(node.kind.to_string()),
                RowCell::Text(if node.op.is_leaf() { "leaf" } else { "derived" }.into()),
                RowCell::Text(node.fingerprint.to_string()),
                RowCell::Int(layout.node_bytes(id) as i64),
                RowCell::Int(users(plan, id) as i64),
                plan.names.of(id).map_or(RowCell::Null, |name| RowCell::Text(name.to_owned())),
            ]);
        }
    }
    table.finish()
}

pub(super) fn users(plan: &Plan, id: NodeId) -> usize {
    let nodes = plan.nodes.iter().filter(|node| node.op.inputs().contains(&id)).count();
    let outputs =
        plan.metrics.iter().filter(|m| m.root == id).count() + plan.alerts.iter().filter(|a| a.root == id).count();
    nodes + outputs
}

/// Nodes that an output reads, itself included.
pub(super) fn needed(plan: &Plan, root: NodeId) -> BTreeSet<NodeId> {
    let mut all = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if all.insert(id) {
            open.extend(plan.node(id).op.inputs());
        }
    }
    all
}

/// `name, sort, source, definition, nodes, shared_nodes, session_bytes, aggregate, keeps_spans, version,
/// catching_up, remarks, row_bytes, evaluate_seconds, live_sessions, state_bytes`.
pub(in crate::service) fn queries(bound: &[Bound], answers: &[PartitionAnswer]) -> RecordBatch {
    let columns = [
        ("name", ColumnKind::Text),
        ("sort", ColumnKind::Text),
        ("source", ColumnKind::Text),
        ("definition", ColumnKind::Text),
    ];
    let columns = columns
        .into_iter()
        .chain([("nodes", ColumnKind::Int), ("shared_nodes", ColumnKind::Int), ("session_bytes", ColumnKind::Int)])
        .chain([("aggregate", ColumnKind::Text), ("keeps_spans", ColumnKind::Bool)])
        .chain([("version", ColumnKind::Int), ("catching_up", ColumnKind::Bool), ("remarks", ColumnKind::Text)])
        .chain([("row_bytes", ColumnKind::Int), ("evaluate_seconds", ColumnKind::Float)])
        .chain([("live_sessions", ColumnKind::Int), ("state_bytes", ColumnKind::Int)]);
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for one in bound {
        let Bound { plan, labels, .. } = one;
        let sort = |root: NodeId| if plan.is_of_events(root) { "metric of events" } else { "metric" };
        let metrics = plan.metrics.iter().map(|metric| (metric.name.clone(), sort(metric.root), metric.root));
        let alerts = plan.alerts.iter().map(|alert| (alert.name.clone(), "alert", alert.root));
        let outputs: Vec<_> = metrics.chain(alerts).collect();
        let own: Vec<&PartitionAnswer> = answers.iter().filter(|answer| answer.plan == *plan).collect();
        let looks: Vec<&RecordFindings> = own.iter().map(|answer| &answer.looks).collect();
        let waits = super::waiting(one, own.iter().copied()).map(|note| note.message);
        // Of partitions that do not answer nothing is known.
        let sum = |of: fn(&PartitionAnswer) -> u64| {
            (!own.is_empty()).then(|| own.iter().map(|answer| of(answer)).sum::<u64>())
        };
        let int = |sum: Option<u64>| sum.map_or(RowCell::Null, |sum| RowCell::Int(sum as i64));
        let seconds = sum(|answer| answer.busy_ns).map_or(RowCell::Null, |ns| RowCell::Float(ns as f64 / 1e9));
        let (live, state) = (sum(|answer| answer.live), sum(|answer| answer.bytes));
        let layout = RowLayout::new(plan);
        for (i, (name, sort, root)) in outputs.iter().enumerate().filter(|(_, (name, ..))| labels.shows(name)) {
            let own = needed(plan, *root);
            let others: BTreeSet<NodeId> = outputs
                .iter()
                .enumerate()
                .filter(|(j, _)| *j != i)
                .flat_map(|(_, (_, _, root))| needed(plan, *root))
                .collect();
            // Metrics come first.
            let metric = plan.metrics.get(i);
            let aggregate = metric.and_then(|metric| metric.aggregate.as_ref());
            table.push([
                RowCell::Text(name.clone()),
                RowCell::Text((*sort).into()),
                RowCell::Text(plan.name()),
                RowCell::Text(operator_text(plan, *root)),
                RowCell::Int(own.len() as i64),
                RowCell::Int(own.intersection(&others).count() as i64),
                RowCell::Int(layout.session_bytes() as i64),
                aggregate.map_or(RowCell::Null, |aggregate| {
                    RowCell::Text(aggregate_text(aggregate).trim_start_matches("| ").to_owned())
                }),
                RowCell::Bool(metric.is_some_and(|metric| metric.keep_spans)),
                RowCell::Int(i64::from(labels.versions.get(name).copied().unwrap_or(1))),
                RowCell::Bool(labels.held),
                remarks(
                    &looks,
                    own.iter().fold(0, |columns, id| columns | plan.columns_read(*id)),
                    plan.needs_of(&own),
                    waits.as_deref(),
                ),
                RowCell::Int(own.iter().map(|id| layout.node_bytes(*id) as i64).sum()),
                seconds.clone(),
                int(live),
                int(state),
            ]);
        }
    }
    table.finish()
}

/// What no partition has of what queries need, each once: of partitions that say so the first that takes it for a slip.
pub(super) fn missing<'a>(looks: &[&'a RecordFindings], needs: u64) -> Vec<&'a MissingNeed> {
    let met = looks.iter().fold(0, |met, looks| met | looks.met);
    let mut all: BTreeMap<u64, &MissingNeed> = BTreeMap::new();
    let open = |missing: &&MissingNeed| missing.need & needs & !met != 0;
    for missing in looks.iter().flat_map(|looks| &looks.unmet).filter(open) {
        let known = all.entry(missing.need).or_insert(missing);
        if missing.is_likely_slip && !known.is_likely_slip {
            *known = missing;
        }
    }
    all.into_values().collect()
}

/// What there is to say of the records that a query reads: of one column only where it reads that, and no partition has it.
/// `needs` are those of the query.
fn remarks(looks: &[&RecordFindings], read: u64, needs: u64, waits: Option<&str>) -> RowCell {
    let here = looks.iter().fold(0, |columns, looks| columns | looks.columns);
    let is_of_it = |column: &Option<u64>| column.is_none_or(|column| column & read != 0 && column & here == 0);
    let silent: Vec<String> = checkpoint::silent_stores().iter().map(SilentStore::line).collect();
    // Partitions say the same of other numbers of records.
    let mut all: BTreeMap<String, &str> = BTreeMap::new();
    for (_, text) in looks.iter().flat_map(|looks| &looks.remarks).filter(|(column, _)| is_of_it(column)) {
        all.entry(text.replace(|c: char| c.is_ascii_digit(), "")).or_insert(text);
    }
    all.extend(missing(looks, needs).into_iter().map(|missing| (missing.message.clone(), missing.message.as_str())));
    all.extend(waits.map(|waits| (waits.to_owned(), waits)));
    all.extend(silent.iter().map(|line| (line.clone(), line.as_str())));
    if all.is_empty() { RowCell::Null } else { RowCell::Text(all.into_values().collect::<Vec<_>>().join("; ")) }
}

/// The nodes that a story shows: what the outputs that are wanted read, with labels as programs write them.
pub(in crate::service) fn nodes_of(plan: &Plan, wanted: impl Fn(&str) -> bool) -> Vec<(NodeId, String)> {
    let metrics = plan.metrics.iter().map(|metric| (&metric.name, metric.root));
    let outputs: Vec<(&String, NodeId)> =
        metrics.chain(plan.alerts.iter().map(|alert| (&alert.name, alert.root))).collect();
    let mut ids = BTreeSet::new();
    for (_, root) in outputs.iter().filter(|(name, _)| wanted(name)) {
        ids.extend(needed(plan, *root));
    }
    // Events say nothing between their instants.
    let constant = |id: &NodeId| {
        let node = plan.node(*id);
        node.op.is_constant() || matches!(node.kind, TimelineKind::Event(_))
    };
    let labelled = ids.into_iter().filter(|id| !constant(id)).map(|id| {
        match outputs.iter().find(|(name, root)| *root == id && wanted(name)) {
            Some((name, _)) => (id, (*name).clone()),
            None => (id, shown_text(plan, id)),
        }
    });
    apart(labelled.collect())
}

/// Labels of which no two are the same: the number of the node tells those apart that would be.
fn apart(mut labelled: Vec<(NodeId, String)>) -> Vec<(NodeId, String)> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    labelled.iter().for_each(|(_, label)| *count.entry(label.clone()).or_default() += 1);
    for (id, label) in labelled.iter_mut().filter(|(_, label)| count[label] > 1) {
        *label = format!("{label} ({id})");
    }
    labelled
}
