//! What is told of aggregated metrics: each row that is another one than was told last, for a place of the log.
//!
//! A row speaks of its partition's part of the log alone, for a partition is where a state is true and durable: the place is
//! that of a checkpoint, and the row is what `eval --show totals` says of the log up to there. Whoever wants all of a topic
//! keeps the last row of each key, which has the partition in it, and adds them up.
//!
//! Rejected: rows of all partitions together, made by one of their owners. No place of all logs is committed at once, so such a
//! row would be true of no state that a crash goes back to, and its id could say nothing of what it tells.
//!
//! **Invariant:** what a row tells follows from the log up to its place, and so does its id: which places are told of is a
//! matter of when checkpoints were taken, what is told of a place never is.
//!
//! **Invariant:** for each key the last row that was told is that of the last place that was looked at.

use super::cells::ColumnGroups;
use super::message::id;
use super::{Origin, OutputMessage, meaning};
use crate::labels::Labels;
use crate::rows::{self, dimension_column};
use crate::totals::{MetricTotals, PartialTotal};
use event_feeder::Position;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timeline_core::plan::{Metric, Plan};
use timeline_core::{Time, Value};

/// What was told of the metrics, by their names; part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PublishedTotals(BTreeMap<String, PublishedMetric>);

impl PublishedTotals {
    pub(crate) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }
}

/// What was told of a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct PublishedMetric {
    /// One that gets another meaning begins anew.
    meaning: String,
    /// The place that was looked at last: a log that is read again says nothing before it.
    places: Vec<Position>,
    /// Of each group, by the key of its messages, the digest of the row that was told last.
    groups: BTreeMap<String, String>,
}

/// The same by the number of the metric.
#[derive(Clone, Debug)]
pub(crate) struct TotalChanges(Vec<PublishedMetric>);

/// The place for which totals are true.
#[derive(Clone, Debug)]
pub(crate) struct AsOf {
    /// One for each source.
    pub places: Vec<Position>,
    /// The same for people.
    pub text: String,
    pub watermark: Option<Time>,
    pub horizon: Time,
}

impl TotalChanges {
    /// Those of a plan, as far as they are known.
    pub(crate) fn new(plan: &Plan, known: &PublishedTotals) -> Self {
        let told = |metric: &Metric| {
            let meaning = meaning::of_totals(plan, metric);
            let known = known.0.get(&metric.name).filter(|known| known.meaning == meaning);
            known.cloned().unwrap_or_else(|| PublishedMetric { meaning, ..PublishedMetric::default() })
        };
        TotalChanges(plan.metrics.iter().map(told).collect())
    }

    /// For a checkpoint.
    pub(crate) fn known(&self, plan: &Plan) -> PublishedTotals {
        let named = plan.metrics.iter().map(|metric| metric.name.clone()).zip(&self.0);
        PublishedTotals(
            named.filter(|(_, told)| !told.places.is_empty()).map(|(name, told)| (name, told.clone())).collect(),
        )
    }

    /// Groups are over: nothing of them will be told any more.
    pub(crate) fn forget(&mut self, plan: &Plan, partition: u32, parts: &[PartialTotal]) {
        for part in parts {
            if let Some(metric) = plan.metrics.iter().position(|metric| metric.name == part.metric) {
                let cell = |value: &Option<Value>| {
                    value
                        .as_ref()
                        .map_or_else(|| "null".into(), |value| serde_json::Value::from(value.to_string()).to_string())
                };
                let group: Vec<String> = part.group.iter().map(cell).collect();
                self.0[metric].groups.remove(&key(&part.metric, partition, &group));
            }
        }
    }

    /// Looks at the totals of a place: messages of those that are others than before.
    pub(crate) fn take(
        &mut self,
        plan: &Plan,
        origin: &Origin,
        totals: &MetricTotals,
        at: &AsOf,
        labels: &Labels,
    ) -> Vec<OutputMessage> {
        let table = rows::totals(&[(plan, totals)]);
        let shape = ColumnGroups::of(&table);
        let all = totals.rows(plan);
        let mut messages = vec![];
        for (i, (metric, told)) in plan.metrics.iter().zip(&mut self.0).enumerate() {
            let Some(aggregate) = metric.aggregate.as_ref().filter(|_| labels.shows(&metric.name)) else { continue };
            if told.places.iter().zip(&at.places).any(|(told, now)| now < told) {
                continue;
            }
            let columns = aggregate.functions.iter().flat_map(|f| std::iter::once(f.name()).chain(f.error_name()));
            let functions: Vec<String> = columns.collect();
            let row = TotalsRow { origin, metric, meaning: told.meaning.clone(), functions: &functions, at };
            let mut gone = std::mem::take(&mut told.groups);
            for (n, total) in all.iter().enumerate().filter(|(_, total)| total.metric == i) {
                let cells = shape.cells(&table, n);
                let cell = |name: &String| {
                    let cell = cells.iter().find(|(own, _)| own == name).and_then(|(_, cell)| cell.clone());
                    cell.unwrap_or_else(|| "null".into())
                };
                let group: Vec<String> =
                    aggregate.group_by.iter().map(|group| cell(&dimension_column(&group.name))).collect();
                let values: Vec<String> = functions.iter().map(cell).collect();
                let closed = total.closed.map(|closed| closed.to_string());
                let told_closed = closed.iter().map(|closed| ("closed", closed.as_str()));
                let said = functions.iter().zip(&values).map(|(name, value)| (name.as_str(), value.as_str()));
                let digest = id(origin, said.chain(told_closed));
                let key = row.key(&group);
                if gone.remove(&key).is_none_or(|before| before != digest) {
                    messages.push(row.message(key.clone(), &group, &values, closed.as_deref()));
                }
                told.groups.insert(key, digest);
            }
            // Nothing counts in these any more.
            for key in gone.into_keys() {
                let group = group_of(&key);
                messages.push(row.message(key, &group, &vec!["null".to_owned(); functions.len()], None));
            }
            told.places.clone_from(&at.places);
        }
        messages
    }
}

/// What all rows of a metric have in common.
struct TotalsRow<'a> {
    origin: &'a Origin,
    metric: &'a Metric,
    meaning: String,
    functions: &'a [String],
    at: &'a AsOf,
}

impl TotalsRow<'_> {
    /// A JSON array of the metric, the partition and the group: a later message replaces one with the same key.
    fn key(&self, group: &[String]) -> String {
        key(&self.metric.name, self.origin.partition, group)
    }

    fn message(&self, key: String, group: &[String], values: &[String], closed: Option<&str>) -> OutputMessage {
        let AsOf { text, watermark, horizon, .. } = self.at;
        let horizon_ns = horizon.to_string();
        let what = [("meaning", self.meaning.as_str()), ("key", &key), ("position", text), ("horizon", &horizon_ns)];
        let id = id(self.origin, what.into_iter());
        let name = |name: &str| serde_json::Value::from(name).to_string();
        let mut payload = format!("{{\"id\":\"{id}\",\"metric\":{}", name(&self.metric.name));
        let groups = self.metric.aggregate.iter().flat_map(|aggregate| &aggregate.group_by).map(|group| &group.name);
        for (column, value) in groups.zip(group).chain(self.functions.iter().zip(values)) {
            payload += &format!(",{}:{value}", name(column));
        }
        if let Some(closed) = closed {
            payload += &format!(",\"closed\":{closed}");
        }
        let partition = self.origin.partition;
        payload += &format!(",\"at\":{{\"partition\":{partition},\"position\":{}", name(text));
        for (column, time) in [("watermark", *watermark), ("horizon", Some(*horizon))] {
            if let Some(ns) = time {
                let mut shown = vec![];
                rows::text::time(&mut shown, ns);
                let shown = String::from_utf8(shown).expect("times are ASCII");
                payload += &format!(",\"{column}\":\"{shown}\",\"{column}_ns\":{ns}");
            }
        }
        payload += "}}";
        OutputMessage { id, key, time: Some(*horizon), payload }
    }
}

fn key(metric: &str, partition: u32, group: &[String]) -> String {
    let parts = [serde_json::Value::from(metric).to_string(), partition.to_string()].into_iter();
    format!("[{}]", parts.chain(group.iter().cloned()).collect::<Vec<_>>().join(","))
}

/// The group of a key, as [`TotalsRow::key`] writes it.
fn group_of(key: &str) -> Vec<String> {
    let parts: Vec<serde_json::Value> = serde_json::from_str(key).unwrap_or_default();
    parts.iter().skip(2).map(ToString::to_string).collect()
}
