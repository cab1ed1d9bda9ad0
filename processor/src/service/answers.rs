//! From partitions' answers to tables.

use super::{file_path, session_bytes};
use crate::checkpoint::FileRef;
use crate::engine::{EngineError, PositionOf, TableData};
use crate::lane::{AlertRow, Session};
use crate::outliers;
use crate::partition::Answer;
use crate::results::{self, Pending};
use crate::rows::{self, Cell, Kind, TableBuilder};
use crate::totals::Totals;
use arrow::array::{Array, RecordBatch, StringArray, TimestampNanosecondArray};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use timeline_core::plan::{Kind as NodeKind, NodeId, Op, Plan};
use timeline_dsl::explain::operator_text;

pub(super) fn position(answer: &Answer) -> PositionOf {
    PositionOf {
        source: answer.plan.source.name.clone(),
        partition: 0,
        position: answer.position.to_string(),
        watermark_ns: answer.watermark,
        horizon_ns: answer.horizon,
        epoch: answer.epoch,
    }
}

pub(super) fn status(answer: &Answer) -> Json {
    let counts = answer.counts;
    let file = answer.files.get(answer.position.file as usize);
    let lag = file
        .and_then(|file| std::fs::metadata(&file.name).ok())
        .map(|m| m.len().saturating_sub(answer.position.offset));
    json!({
        "source": answer.plan.source.name,
        "partition": 0,
        "position": answer.position.to_string(),
        "file": file.map(|file| file.name.clone()),
        "watermark_ns": answer.watermark,
        "horizon_ns": answer.horizon,
        "epoch": answer.epoch,
        "records": counts.records,
        "events": counts.events,
        "late_events": counts.late,
        "dead_letters": counts.dead,
        "closed_sessions": counts.closed,
        "live_sessions": answer.live,
        "state_bytes": answer.bytes,
        "lag_bytes": lag,
    })
}

/// Whether a table needs the sessions themselves.
pub(super) fn reads_sessions(name: &str) -> bool {
    !matches!(name, "totals" | "late_events" | "dead_letters" | "queries" | "nodes" | "partitions")
}

pub(super) fn plain(name: &str, batch: RecordBatch) -> TableData {
    TableData { name: name.into(), schema: batch.schema(), live: vec![batch], files: vec![] }
}

pub(super) fn table(name: &str, answers: &[Answer], states: &[PathBuf]) -> Result<TableData, EngineError> {
    let plans = || answers.iter().map(|answer| &*answer.plan);
    match name {
        "partitions" => Ok(plain(name, partitions(answers))),
        "nodes" => Ok(plain(name, nodes(answers))),
        "totals" => {
            let all: Vec<(&Plan, &Totals)> = answers.iter().map(|answer| (&*answer.plan, &answer.totals)).collect();
            Ok(plain(name, rows::totals(&all)))
        }
        "sessions" => Ok(plain(name, sessions(answers)?)),
        "finals" | "alerts" | "late_events" | "dead_letters" => history(name, answers, states),
        name => {
            for (answer, plan) in answers.iter().zip(plans()) {
                if let Some(metric) = plan.metrics.iter().position(|metric| metric.name == name) {
                    return view(name, metric, answer);
                }
            }
            Err(EngineError::NotFound(format!("there is no table `{name}`")))
        }
    }
}

/// Committed rows and those that are not yet, or never will be while their sessions live.
fn history(name: &str, answers: &[Answer], states: &[PathBuf]) -> Result<TableData, EngineError> {
    let live = match name {
        "finals" => {
            let all: Vec<Vec<Session>> = answers.iter().map(every_session).collect();
            let pairs: Vec<(&Plan, &[Session])> = answers.iter().zip(&all).map(|(a, s)| (&*a.plan, &s[..])).collect();
            vec![rows::finals(&pairs)]
        }
        "alerts" => {
            let all: Vec<Vec<AlertRow>> = answers.iter().map(every_alert).collect();
            let pairs: Vec<(&Plan, &[AlertRow])> = answers.iter().zip(&all).map(|(a, s)| (&*a.plan, &s[..])).collect();
            vec![rows::alerts(&pairs)]
        }
        _ => answers.iter().map(|answer| answer.pending.table(name, &answer.plan)).collect(),
    };
    let schema =
        live.first().map_or_else(|| Pending::default().table("alerts", &empty_plan()).schema(), RecordBatch::schema);
    // With several sources the columns of one source's files may be fewer than those of the table.
    let mut files = vec![];
    let mut live = live;
    for (answer, state) in answers.iter().zip(states) {
        let own: Vec<&FileRef> = answer.results.iter().filter(|f| results::table_of(f) == Some(name)).collect();
        let same = answers.len() == 1 || answer.pending.table(name, &answer.plan).schema() == schema;
        if same {
            files.extend(own.iter().map(|file| file_path(state, &file.name)));
        } else {
            for batch in read(answer, name)? {
                live.push(widened(&batch, &schema));
            }
        }
    }
    Ok(TableData { name: name.into(), schema, live, files })
}

/// A batch with the columns of a wider table, null where it has none.
fn widened(batch: &RecordBatch, schema: &arrow::datatypes::SchemaRef) -> RecordBatch {
    let column = |field: &Arc<arrow::datatypes::Field>| {
        batch
            .column_by_name(field.name())
            .cloned()
            .unwrap_or_else(|| arrow::array::new_null_array(field.data_type(), batch.num_rows()))
    };
    RecordBatch::try_new(schema.clone(), schema.fields().iter().map(column).collect())
        .expect("columns of one name have one type in all tables")
}

fn empty_plan() -> Plan {
    let source = timeline_core::plan::Source {
        name: String::new(),
        key: vec![],
        time: timeline_core::plan::FieldPath(vec![]),
        time_unit: timeline_core::plan::TimeUnit::Nanoseconds,
        order: None,
        lateness: 0,
    };
    timeline_core::plan::Builder::new(source).finish()
}

/// Sessions that are not in committed history.
fn every_session(answer: &Answer) -> Vec<Session> {
    answer.pending.sessions.iter().chain(&answer.sessions).cloned().collect()
}

/// Alerts that are not in committed history, those that are on included.
fn every_alert(answer: &Answer) -> Vec<AlertRow> {
    let open = answer.sessions.iter().flat_map(|session| {
        let row = |(alert, start): &(usize, i64)| AlertRow {
            key: session.key.clone(),
            alert: *alert,
            start: *start,
            end: None,
        };
        session.open_alerts.iter().map(row)
    });
    answer.pending.alerts.iter().cloned().chain(open).collect()
}

/// The committed rows of a table.
fn read(answer: &Answer, table: &str) -> Result<Vec<RecordBatch>, EngineError> {
    let mut batches = vec![];
    for file in answer.results.iter().filter(|file| results::table_of(file) == Some(table)) {
        let bytes = answer.reader.read(file).map_err(|error| EngineError::Internal(error.to_string()))?;
        batches.extend(results::decode(bytes).map_err(|error| EngineError::Internal(error.to_string()))?);
    }
    Ok(batches)
}

/// A metric's own view: the rows of `finals` that are the metric's, with a `value` of its type.
fn view(name: &str, metric: usize, answer: &Answer) -> Result<TableData, EngineError> {
    let live = rows::metric_view(&answer.plan, metric, &every_session(answer));
    let schema = live.schema();
    let mut batches = vec![live];
    for batch in read(answer, "finals")? {
        let names = text_column(&batch, "metric")?;
        let mine = arrow::array::BooleanArray::from_iter((0..batch.num_rows()).map(|i| Some(names.value(i) == name)));
        let rows = arrow::compute::filter_record_batch(&batch, &mine)
            .map_err(|error| EngineError::Internal(error.to_string()))?;
        let source = |field: &arrow::datatypes::Field| match (field.name().as_str(), field.data_type()) {
            ("value", arrow::datatypes::DataType::Float64) => "value_f64".to_owned(),
            ("value", arrow::datatypes::DataType::Utf8) => "value_text".to_owned(),
            ("value", arrow::datatypes::DataType::Boolean) => "value_bool".to_owned(),
            (name, _) => name.to_owned(),
        };
        let columns = schema.fields().iter().map(|field| {
            let column = rows.column_by_name(&source(field)).cloned();
            column.unwrap_or_else(|| arrow::array::new_null_array(field.data_type(), rows.num_rows()))
        });
        let batch = RecordBatch::try_new(schema.clone(), columns.collect());
        batches.push(batch.map_err(|error| EngineError::Internal(error.to_string()))?);
    }
    Ok(TableData { name: name.into(), schema, live: batches, files: vec![] })
}

fn text_column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray, EngineError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| EngineError::Internal(format!("history has no column {name}")))
}

/// `source, session, start, end, closed, partial`, live and closed.
fn sessions(answers: &[Answer]) -> Result<RecordBatch, EngineError> {
    let columns = [("source", Kind::Text), ("session", Kind::Text), ("start", Kind::Time), ("end", Kind::Time)];
    let columns = columns.into_iter().chain([("closed", Kind::Bool), ("partial", Kind::Bool)]);
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for answer in answers {
        let live = every_session(answer);
        let mut all: BTreeSet<(String, i64, Option<i64>)> =
            live.iter().map(|session| (session.key.to_string(), session.start, session.end)).collect();
        for batch in read(answer, "finals")? {
            let keys = text_column(&batch, "session")?;
            let time = |name: &str| {
                batch.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<TimestampNanosecondArray>())
            };
            if let (Some(starts), Some(ends)) = (time("start"), time("end")) {
                all.extend(
                    (0..batch.num_rows()).map(|i| {
                        (keys.value(i).to_owned(), starts.value(i), (!ends.is_null(i)).then(|| ends.value(i)))
                    }),
                );
            }
        }
        for (key, start, end) in all {
            let end_cell = end.map_or(Cell::Null, Cell::Time);
            let source = Cell::Text(answer.plan.source.name.clone());
            table.push([
                source,
                Cell::Text(key),
                Cell::Time(start),
                end_cell,
                Cell::Bool(end.is_some()),
                Cell::Bool(false),
            ]);
        }
    }
    Ok(table.finish())
}

fn partitions(answers: &[Answer]) -> RecordBatch {
    let columns = [
        ("source", Kind::Text),
        ("partition", Kind::Int),
        ("position", Kind::Text),
        ("watermark", Kind::Time),
        ("horizon", Kind::Time),
        ("epoch", Kind::Int),
        ("records", Kind::Int),
        ("events", Kind::Int),
        ("late_events", Kind::Int),
        ("dead_letters", Kind::Int),
        ("live_sessions", Kind::Int),
        ("closed_sessions", Kind::Int),
        ("state_bytes", Kind::Int),
    ];
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for answer in answers {
        let int = |x: u64| Cell::Int(x as i64);
        let time = |t: Option<i64>| t.map_or(Cell::Null, Cell::Time);
        let counts = answer.counts;
        table.push([
            Cell::Text(answer.plan.source.name.clone()),
            Cell::Int(0),
            Cell::Text(answer.position.to_string()),
            time(answer.watermark),
            time(answer.horizon),
            int(answer.epoch),
            int(counts.records),
            int(counts.events),
            int(counts.late),
            int(counts.dead),
            int(answer.live),
            int(counts.closed),
            int(answer.bytes),
        ]);
    }
    table.finish()
}

fn nodes(answers: &[Answer]) -> RecordBatch {
    let columns = ["source", "node", "operator", "kind", "worker", "fingerprint"];
    let columns = columns.into_iter().map(|name| (name.to_owned(), Kind::Text));
    let mut table =
        TableBuilder::new(columns.chain([("bytes".to_owned(), Kind::Int), ("used_by".to_owned(), Kind::Int)]));
    for answer in answers {
        let plan = &answer.plan;
        let layout = timeline_core::incremental::Layout::new(plan);
        for (id, node) in plan.iter() {
            let leaf = node.op.inputs().iter().all(|input| matches!(plan.node(*input).kind, NodeKind::Event(_)));
            table.push([
                Cell::Text(plan.source.name.clone()),
                Cell::Text(id.to_string()),
                Cell::Text(operator_text(plan, id)),
                Cell::Text(node.kind.to_string()),
                Cell::Text(if leaf { "leaf" } else { "derived" }.into()),
                Cell::Text(node.fingerprint.to_string()),
                Cell::Int(layout.node_bytes(id) as i64),
                Cell::Int(users(plan, id) as i64),
            ]);
        }
    }
    table.finish()
}

fn users(plan: &Plan, id: NodeId) -> usize {
    let nodes = plan.nodes.iter().filter(|node| node.op.inputs().contains(&id)).count();
    let outputs =
        plan.metrics.iter().filter(|m| m.root == id).count() + plan.alerts.iter().filter(|a| a.root == id).count();
    nodes + outputs
}

/// Nodes that an output reads, itself included.
fn reach(plan: &Plan, root: NodeId) -> BTreeSet<NodeId> {
    let mut all = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if all.insert(id) {
            open.extend(plan.node(id).op.inputs());
        }
    }
    all
}

/// `name, sort, source, definition, nodes, shared_nodes, session_bytes`.
pub(super) fn queries(answers: &[Answer]) -> RecordBatch {
    let columns = [("name", Kind::Text), ("sort", Kind::Text), ("source", Kind::Text), ("definition", Kind::Text)];
    let columns =
        columns.into_iter().chain([("nodes", Kind::Int), ("shared_nodes", Kind::Int), ("session_bytes", Kind::Int)]);
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for answer in answers {
        let plan = &answer.plan;
        let metrics = plan.metrics.iter().map(|metric| (metric.name.clone(), "metric", metric.root));
        let alerts = plan.alerts.iter().map(|alert| (alert.name.clone(), "alert", alert.root));
        let outputs: Vec<_> = metrics.chain(alerts).collect();
        for (i, (name, sort, root)) in outputs.iter().enumerate() {
            let own = reach(plan, *root);
            let others: BTreeSet<NodeId> = outputs
                .iter()
                .enumerate()
                .filter(|(j, _)| *j != i)
                .flat_map(|(_, (_, _, root))| reach(plan, *root))
                .collect();
            table.push([
                Cell::Text(name.clone()),
                Cell::Text((*sort).into()),
                Cell::Text(plan.source.name.clone()),
                Cell::Text(operator_text(plan, *root)),
                Cell::Int(own.len() as i64),
                Cell::Int(own.intersection(&others).count() as i64),
                Cell::Int(session_bytes(plan) as i64),
            ]);
        }
    }
    table.finish()
}

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
                json!({"source": plan.source.name, "id": id.to_string(), "operator": text(plan, id), "action": action})
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

/// The nodes that a story shows: what an output (or all of them) reads, with labels as programs write them.
pub(super) fn nodes_of(plan: &Plan, query: Option<&str>) -> Vec<(NodeId, String)> {
    let metrics = plan.metrics.iter().map(|metric| (&metric.name, metric.root));
    let outputs: Vec<(&String, NodeId)> =
        metrics.chain(plan.alerts.iter().map(|alert| (&alert.name, alert.root))).collect();
    let wanted = |name: &String| query.is_none_or(|query| query == name);
    let mut ids = BTreeSet::new();
    for (_, root) in outputs.iter().filter(|(name, _)| wanted(name)) {
        ids.extend(reach(plan, *root));
    }
    let constant =
        |id: &NodeId| matches!(plan.node(*id).op, Op::Constant(_) | Op::ConstantNumber { .. } | Op::Event(_));
    ids.into_iter()
        .filter(|id| !constant(id))
        .map(|id| match outputs.iter().find(|(name, root)| *root == id && wanted(name)) {
            Some((name, _)) => (id, (*name).clone()),
            None => (id, operator_text(plan, id)),
        })
        .collect()
}

pub(super) fn outliers(answer: &Answer, name: &str, top: usize) -> Result<Option<RecordBatch>, EngineError> {
    let plan = &answer.plan;
    if let Some(metric) = plan.metrics.iter().position(|metric| metric.name == name) {
        let mut all = every_session(answer);
        for batch in read(answer, "finals")? {
            all.extend(outliers::from_history(plan, metric, &batch));
        }
        return Ok(Some(outliers::of_metric(plan, metric, all.iter(), top)));
    }
    if let Some(alert) = plan.alerts.iter().position(|alert| alert.name == name) {
        let horizon = answer.horizon.unwrap_or(0);
        let mut all: Vec<(AlertRow, i64)> = every_alert(answer)
            .into_iter()
            .filter(|row| row.alert == alert)
            .map(|row| {
                let end = row.end.unwrap_or(horizon);
                (row, end)
            })
            .collect();
        for batch in read(answer, "alerts")? {
            all.extend(outliers::alerts_from_history(alert, name, &batch));
        }
        return Ok(Some(outliers::of_alert(&all, top)));
    }
    Ok(None)
}
