//! From partitions' answers to tables: those of one source add up, whoever gave them.

use super::session_bytes;
use crate::checkpoint::FileRef;
use crate::engine::{EngineError, PositionOf, TableData};
use crate::lane::{AlertRow, Session};
use crate::outliers;
use crate::outputs::Published;
use crate::partition::Answer;
use crate::reach::{self, Reach};
use crate::results::{self, Pending};
use crate::rows::{self, Cell, Kind, TableBuilder};
use crate::totals::Totals;
use arrow::array::{Array, BooleanArray, RecordBatch, StringArray, TimestampNanosecondArray};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::plan::{Kind as NodeKind, NodeId, Op, Plan};
use timeline_dsl::explain::operator_text;

/// A source with the answers of its partitions; none where nobody works on any.
pub(super) struct LogAnswer<'a> {
    plan: &'a Plan,
    answers: Vec<&'a Answer>,
}

/// The answers by the source that they belong to, in the order of the plans.
pub(super) fn by_source<'a>(plans: &'a [Arc<Plan>], answers: &'a [Answer]) -> Vec<LogAnswer<'a>> {
    let log = |plan: &'a Arc<Plan>| {
        let own: Vec<&Answer> = answers.iter().filter(|answer| answer.plan.name() == plan.name()).collect();
        // If the programs have just changed, the answers say which they are of.
        LogAnswer { plan: own.first().map_or(plan, |answer| &answer.plan), answers: own }
    };
    plans.iter().map(log).collect()
}

impl LogAnswer<'_> {
    /// Sessions that are not in committed history.
    fn sessions(&self) -> Vec<Session> {
        self.answers.iter().flat_map(|answer| answer.pending.sessions.iter().chain(&answer.sessions).cloned()).collect()
    }

    /// Alerts that are not in committed history, those that are on included.
    fn alerts(&self) -> Vec<AlertRow> {
        self.answers.iter().flat_map(|answer| every_alert(answer)).collect()
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::new(self.plan);
        self.answers.iter().for_each(|answer| totals.merge(&answer.totals));
        totals
    }

    /// The committed rows of a table.
    fn history(&self, table: &str) -> Result<Vec<RecordBatch>, EngineError> {
        let mut batches = vec![];
        for answer in &self.answers {
            batches.extend(read(answer, table)?);
        }
        Ok(batches)
    }
}

/// Whether a plan has such a metric or alert.
pub(super) fn has(plan: &Plan, name: &str) -> bool {
    plan.metrics.iter().any(|metric| metric.name == name) || plan.alerts.iter().any(|alert| alert.name == name)
}

pub(super) fn position(answer: &Answer) -> PositionOf {
    PositionOf {
        source: answer.plan.name(),
        partition: answer.partition,
        position: reach::to_text(&answer.plan, &answer.reach),
        watermark_ns: answer.watermark,
        horizon_ns: answer.horizon,
        epoch: answer.epoch,
        partial_sessions: answer.partial,
        unowned: answer.owner.is_none(),
        gaps: reach::gaps(&answer.plan, &answer.reach),
    }
}

pub(super) fn status(answer: &Answer) -> Json {
    let counts = answer.counts;
    let files = answer.reach.iter().map(|reach| (reach, reach.files.get(reach.position.file as usize)));
    let left = |(reach, file): (&Reach, Option<&event_feeder::file::KnownFile>)| {
        let length = std::fs::metadata(&file?.name).ok()?.len();
        Some(length.saturating_sub(reach.position.offset))
    };
    let lag = files.clone().map(left).try_fold(0, |sum, left| Some(sum + left?));
    let names: Vec<String> = files.filter_map(|(_, file)| file.map(|file| file.name.clone())).collect();
    let file = if names.is_empty() { None } else { Some(names.join(", ")) };
    json!({
        "source": answer.plan.name(),
        "partition": answer.partition,
        "position": reach::to_text(&answer.plan, &answer.reach),
        "gaps": reach::gaps(&answer.plan, &answer.reach),
        "file": file,
        "watermark_ns": answer.watermark,
        "horizon_ns": answer.horizon,
        "epoch": answer.epoch,
        "owner": answer.owner,
        "records": counts.records,
        "events": counts.events,
        "late_events": counts.late,
        "dead_letters": counts.dead,
        "duplicates": counts.duplicates,
        "closed_sessions": counts.closed,
        "live_sessions": answer.live,
        "partial_sessions": answer.partial,
        "forgotten_values": counts.forgotten,
        "state_bytes": answer.bytes,
        "lag_bytes": lag,
        "outputs": answer.outputs,
        "published": sum(answer, |output| output.published),
        "waiting": sum(answer, |output| output.waiting),
    })
}

/// Over all outputs of a partition; `None` where nothing is published.
fn sum(answer: &Answer, of: impl Fn(&Published) -> u64) -> Option<u64> {
    (!answer.outputs.is_empty()).then(|| answer.outputs.values().map(of).sum())
}

/// Whether a table needs the sessions themselves.
pub(super) fn reads_sessions(name: &str) -> bool {
    !matches!(name, "totals" | "late_events" | "dead_letters" | "queries" | "nodes" | "partitions")
}

pub(super) fn plain(name: &str, batch: RecordBatch) -> TableData {
    TableData { name: name.into(), schema: batch.schema(), live: vec![batch], files: vec![] }
}

/// A table over all sources.
pub(super) fn table(name: &str, logs: &[LogAnswer<'_>]) -> Result<TableData, EngineError> {
    match name {
        "partitions" => Ok(plain(name, partitions(logs))),
        "nodes" => Ok(plain(name, nodes(logs))),
        "totals" => {
            let totals: Vec<Totals> = logs.iter().map(LogAnswer::totals).collect();
            let all: Vec<(&Plan, &Totals)> = logs.iter().map(|log| log.plan).zip(&totals).collect();
            Ok(plain(name, rows::totals(&all)))
        }
        "sessions" => Ok(plain(name, sessions(logs)?)),
        "finals" | "alerts" | "late_events" | "dead_letters" => history(name, logs),
        name => {
            for log in logs {
                if let Some(metric) = log.plan.metrics.iter().position(|metric| metric.name == name) {
                    return view(name, metric, log);
                }
            }
            Err(EngineError::NotFound(format!("there is no table `{name}`")))
        }
    }
}

/// Committed rows and those that are not yet, or never will be while their sessions live.
fn history(name: &str, logs: &[LogAnswer<'_>]) -> Result<TableData, EngineError> {
    let mut live = match name {
        "finals" => {
            let all: Vec<Vec<Session>> = logs.iter().map(LogAnswer::sessions).collect();
            let pairs: Vec<(&Plan, &[Session])> = logs.iter().zip(&all).map(|(log, s)| (log.plan, &s[..])).collect();
            vec![rows::finals(&pairs)]
        }
        "alerts" => {
            let all: Vec<Vec<AlertRow>> = logs.iter().map(LogAnswer::alerts).collect();
            let pairs: Vec<(&Plan, &[AlertRow])> = logs.iter().zip(&all).map(|(log, s)| (log.plan, &s[..])).collect();
            vec![rows::alerts(&pairs)]
        }
        _ => {
            let answers = logs.iter().flat_map(|log| &log.answers);
            answers.map(|answer| answer.pending.table(name, &answer.plan, answer.partition)).collect()
        }
    };
    let nothing = || Pending::default().table(name, &empty_plan(), 0).schema();
    let schema = live.first().map_or_else(nothing, RecordBatch::schema);
    // With several sources the columns of one source's files may be fewer than those of the table.
    let mut files = vec![];
    for answer in logs.iter().flat_map(|log| &log.answers) {
        let own: Vec<&FileRef> = answer.results.iter().filter(|f| results::table_of(f) == Some(name)).collect();
        let same = logs.len() == 1 || answer.pending.table(name, &answer.plan, answer.partition).schema() == schema;
        if same {
            for file in own {
                let path = answer.reader.path(file);
                files.push(path.map_err(|error| EngineError::Unavailable(error.to_string()))?);
            }
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
        future: None,
        idle: timeline_core::plan::Idle::Usual,
        repair: None,
    };
    timeline_core::plan::Builder::new(source).finish()
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
fn view(name: &str, metric: usize, log: &LogAnswer<'_>) -> Result<TableData, EngineError> {
    let live = rows::metric_view(log.plan, metric, &log.sessions());
    let schema = live.schema();
    let mut batches = vec![live];
    for batch in log.history("finals")? {
        let names = text_column(&batch, "metric")?;
        let mine = BooleanArray::from_iter((0..batch.num_rows()).map(|i| Some(names.value(i) == name)));
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

/// `source, partition, session, start, end, closed, partial`, live and closed.
fn sessions(logs: &[LogAnswer<'_>]) -> Result<RecordBatch, EngineError> {
    let columns = [
        ("source", Kind::Text),
        ("partition", Kind::Int),
        ("session", Kind::Text),
        ("start", Kind::Time),
        ("end", Kind::Time),
        ("closed", Kind::Bool),
        ("partial", Kind::Bool),
    ];
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for answer in logs.iter().flat_map(|log| &log.answers) {
        let live = answer.pending.sessions.iter().chain(&answer.sessions);
        let mut all: BTreeSet<(String, i64, Option<i64>, bool)> =
            live.map(|session| (session.key.to_string(), session.start, session.end, session.partial)).collect();
        for batch in read(answer, "finals")? {
            let keys = text_column(&batch, "session")?;
            let time = |name: &str| {
                batch.column_by_name(name).and_then(|c| c.as_any().downcast_ref::<TimestampNanosecondArray>())
            };
            let partial = batch.column_by_name("partial").and_then(|c| c.as_any().downcast_ref::<BooleanArray>());
            if let (Some(starts), Some(ends), Some(partial)) = (time("start"), time("end"), partial) {
                all.extend((0..batch.num_rows()).map(|i| {
                    let end = (!ends.is_null(i)).then(|| ends.value(i));
                    (keys.value(i).to_owned(), starts.value(i), end, partial.value(i))
                }));
            }
        }
        for (key, start, end, partial) in all {
            table.push([
                Cell::Text(answer.plan.name()),
                Cell::Int(i64::from(answer.partition)),
                Cell::Text(key),
                Cell::Time(start),
                end.map_or(Cell::Null, Cell::Time),
                Cell::Bool(end.is_some()),
                Cell::Bool(partial),
            ]);
        }
    }
    Ok(table.finish())
}

fn partitions(logs: &[LogAnswer<'_>]) -> RecordBatch {
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
        ("duplicates", Kind::Int),
        ("live_sessions", Kind::Int),
        ("closed_sessions", Kind::Int),
        ("state_bytes", Kind::Int),
        ("owner", Kind::Text),
        ("gaps", Kind::Text),
        ("published", Kind::Int),
        ("waiting", Kind::Int),
    ];
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for answer in logs.iter().flat_map(|log| &log.answers) {
        let int = |x: u64| Cell::Int(x as i64);
        let time = |t: Option<i64>| t.map_or(Cell::Null, Cell::Time);
        let counts = answer.counts;
        let gaps = reach::gaps(&answer.plan, &answer.reach);
        table.push([
            Cell::Text(answer.plan.name()),
            Cell::Int(i64::from(answer.partition)),
            Cell::Text(reach::to_text(&answer.plan, &answer.reach)),
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
            answer.owner.clone().map_or(Cell::Null, Cell::Text),
            if gaps.is_empty() { Cell::Null } else { Cell::Text(gaps.join("; ")) },
            sum(answer, |output| output.published).map_or(Cell::Null, int),
            sum(answer, |output| output.waiting).map_or(Cell::Null, int),
        ]);
    }
    table.finish()
}

fn nodes(logs: &[LogAnswer<'_>]) -> RecordBatch {
    let columns = ["source", "node", "operator", "kind", "worker", "fingerprint"];
    let columns = columns.into_iter().map(|name| (name.to_owned(), Kind::Text));
    let mut table =
        TableBuilder::new(columns.chain([("bytes".to_owned(), Kind::Int), ("used_by".to_owned(), Kind::Int)]));
    for plan in logs.iter().map(|log| log.plan) {
        let layout = timeline_core::incremental::Layout::new(plan);
        for (id, node) in plan.iter() {
            let leaf = node.op.inputs().iter().all(|input| matches!(plan.node(*input).kind, NodeKind::Event(_)));
            table.push([
                Cell::Text(plan.name()),
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
fn needed(plan: &Plan, root: NodeId) -> BTreeSet<NodeId> {
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
pub(super) fn queries(plans: &[Arc<Plan>]) -> RecordBatch {
    let columns = [("name", Kind::Text), ("sort", Kind::Text), ("source", Kind::Text), ("definition", Kind::Text)];
    let columns =
        columns.into_iter().chain([("nodes", Kind::Int), ("shared_nodes", Kind::Int), ("session_bytes", Kind::Int)]);
    let mut table = TableBuilder::new(columns.map(|(name, kind)| (name.to_owned(), kind)));
    for plan in plans {
        let metrics = plan.metrics.iter().map(|metric| (metric.name.clone(), "metric", metric.root));
        let alerts = plan.alerts.iter().map(|alert| (alert.name.clone(), "alert", alert.root));
        let outputs: Vec<_> = metrics.chain(alerts).collect();
        for (i, (name, sort, root)) in outputs.iter().enumerate() {
            let own = needed(plan, *root);
            let others: BTreeSet<NodeId> = outputs
                .iter()
                .enumerate()
                .filter(|(j, _)| *j != i)
                .flat_map(|(_, (_, _, root))| needed(plan, *root))
                .collect();
            table.push([
                Cell::Text(name.clone()),
                Cell::Text((*sort).into()),
                Cell::Text(plan.name()),
                Cell::Text(operator_text(plan, *root)),
                Cell::Int(own.len() as i64),
                Cell::Int(own.intersection(&others).count() as i64),
                Cell::Int(session_bytes(plan) as i64),
            ]);
        }
    }
    table.finish()
}

/// The nodes that a story shows: what an output (or all of them) reads, with labels as programs write them.
pub(super) fn nodes_of(plan: &Plan, query: Option<&str>) -> Vec<(NodeId, String)> {
    let metrics = plan.metrics.iter().map(|metric| (&metric.name, metric.root));
    let outputs: Vec<(&String, NodeId)> =
        metrics.chain(plan.alerts.iter().map(|alert| (&alert.name, alert.root))).collect();
    let wanted = |name: &String| query.is_none_or(|query| query == name);
    let mut ids = BTreeSet::new();
    for (_, root) in outputs.iter().filter(|(name, _)| wanted(name)) {
        ids.extend(needed(plan, *root));
    }
    // Events say nothing between their instants.
    let constant = |id: &NodeId| {
        let node = plan.node(*id);
        matches!(node.op, Op::Constant(_) | Op::ConstantNumber { .. }) || matches!(node.kind, NodeKind::Event(_))
    };
    ids.into_iter()
        .filter(|id| !constant(id))
        .map(|id| match outputs.iter().find(|(name, root)| *root == id && wanted(name)) {
            Some((name, _)) => (id, (*name).clone()),
            None => (id, operator_text(plan, id)),
        })
        .collect()
}

/// Takes out of a story what is not one of the sessions that there were, for its beginning is not kept any more; says
/// when those began whose story is not told.
pub(super) fn forgotten(answer: &Answer, key: &str, story: &mut Json) -> Result<Vec<i64>, EngineError> {
    let mut known: BTreeSet<i64> = answer.sessions.iter().map(|session| session.start).collect();
    known.extend(answer.pending.sessions.iter().filter(|session| session.key == key).map(|session| session.start));
    for batch in read(answer, "finals")? {
        let keys = text_column(&batch, "session")?;
        let starts = batch.column_by_name("start").and_then(|c| c.as_any().downcast_ref::<TimestampNanosecondArray>());
        let Some(starts) = starts else { continue };
        known.extend((0..batch.num_rows()).filter(|i| keys.value(*i) == key).map(|i| starts.value(i)));
    }
    let Some(told) = story["sessions"].as_array_mut() else { return Ok(vec![]) };
    let start = |session: &Json| session["start_ns"].as_i64();
    told.retain(|session| start(session).is_some_and(|start| known.contains(&start)));
    let told: BTreeSet<i64> = told.iter().filter_map(start).collect();
    Ok(known.difference(&told).copied().collect())
}

/// All sessions of a partition, alive and over, by key and start.
pub(super) fn known_starts(answer: &Answer) -> Result<BTreeSet<(String, i64)>, EngineError> {
    let live = answer.pending.sessions.iter().chain(&answer.sessions);
    let mut known: BTreeSet<(String, i64)> = live.map(|session| (session.key.to_string(), session.start)).collect();
    for batch in read(answer, "finals")? {
        let keys = text_column(&batch, "session")?;
        let starts = batch.column_by_name("start").and_then(|c| c.as_any().downcast_ref::<TimestampNanosecondArray>());
        let Some(starts) = starts else { continue };
        known.extend((0..batch.num_rows()).map(|i| (keys.value(i).to_owned(), starts.value(i))));
    }
    Ok(known)
}

/// The sessions farthest from the rest, out of those of all partitions.
pub(super) fn outliers(log: &LogAnswer<'_>, name: &str, top: usize) -> Result<Option<RecordBatch>, EngineError> {
    let plan = log.plan;
    if let Some(metric) = plan.metrics.iter().position(|metric| metric.name == name) {
        let mut all = log.sessions();
        for batch in log.history("finals")? {
            all.extend(outliers::from_history(plan, metric, &batch));
        }
        return Ok(Some(outliers::of_metric(plan, metric, all.iter(), top)));
    }
    if let Some(alert) = plan.alerts.iter().position(|alert| alert.name == name) {
        let mut all: Vec<(AlertRow, i64)> = vec![];
        for answer in &log.answers {
            let rows = every_alert(answer).into_iter().filter(|row| row.alert == alert);
            all.extend(rows.map(|row| {
                let end = row.end.or(answer.horizon).unwrap_or(row.start);
                (row, end)
            }));
        }
        for batch in log.history("alerts")? {
            all.extend(outliers::alerts_from_history(alert, name, &batch));
        }
        return Ok(Some(outliers::of_alert(&all, top)));
    }
    Ok(None)
}
