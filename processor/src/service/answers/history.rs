//! Tables of committed rows, with those that are not committed yet or never will be while their sessions live.

use super::late::late_events;
use super::past::{Wanted, in_place};
use super::{LogAnswer, SealedPart, read_file, text_column, versions};
use crate::checkpoint::{CheckpointReader, FileRef};
use crate::engine::{EngineError, OutputView, TableData, TableScan};
use crate::labels::Labels;
use crate::records::{AlertRow, SessionSnapshot};
use crate::results::{self, Pending};
use crate::rows::{self, AlertColumns, BesideTypes};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::plan::{self, Plan};

/// Committed rows and those that are not yet, or never will be while their sessions live; of definitions that were replaced
/// what was committed. Of files what the scan wants, where that is little, or all.
pub(super) fn history(
    scan: &TableScan,
    logs: &[LogAnswer<'_>],
    sealed: &[Arc<SealedPart>],
) -> Result<TableData, EngineError> {
    let name = scan.table.as_str();
    let mut read = BTreeSet::new();
    let mut sources = logs.iter().flat_map(|log| log.plan.sources());
    let is_read_twice = !sealed.is_empty() || sources.any(|source| !read.insert(&source.name));
    if is_read_twice && name == "late_events" {
        return late_events(scan, logs, sealed);
    }
    let mut live = match name {
        "finals" => {
            let all: Vec<Vec<SessionSnapshot>> = logs.iter().map(LogAnswer::sessions).collect();
            let pairs: Vec<(&Plan, &[SessionSnapshot])> =
                logs.iter().zip(&all).map(|(log, s)| (&**log.plan, &s[..])).collect();
            let rows = versions(logs).versioned(name, rows::finals(&pairs));
            vec![rows::typed(&rows, &types_of_finals(logs, sealed))]
        }
        "alerts" => {
            let all: Vec<Vec<AlertRow>> = logs.iter().map(LogAnswer::alerts).collect();
            let pairs: Vec<(&Plan, &[AlertRow])> =
                logs.iter().zip(&all).map(|(log, s)| (&**log.plan, &s[..])).collect();
            vec![versions(logs).versioned(name, rows::alerts(&pairs, AlertColumns::Json))]
        }
        _ => {
            let answers = logs.iter().flat_map(|log| &log.answers);
            answers.map(|answer| answer.pending.table(name, &answer.plan, answer.partition)).collect()
        }
    };
    let nothing = || Pending::default().table(name, &empty_plan(), 0).schema();
    let mut schema = live.first().map_or_else(nothing, RecordBatch::schema);
    let mut files: Vec<(&FileRef, &CheckpointReader, &Labels)> = vec![];
    for part in sealed {
        for (file, columns) in part.files.iter().zip(&part.schemas).filter(|(file, _)| is_of(file, name)) {
            schema = with_columns(&schema, &shown(name, columns));
            files.push((file, &part.reader, &part.labels));
        }
    }
    for log in logs {
        for answer in &log.answers {
            let own = answer.results.iter().filter(|file| is_of(file, name));
            files.extend(own.map(|file| (file, &answer.reader, &log.bound.labels)));
        }
    }
    if is_read_twice && name == "dead_letters" {
        return once(scan, schema, live, files);
    }
    live.iter_mut().for_each(|rows| *rows = widened(rows, &schema));
    let (mut past, mut wanted) = (vec![], Wanted::by(scan));
    for (file, reader, labels) in files {
        let rows = match wanted.rows(file, reader, None)? {
            Some(rows) => rows,
            None if results::is_versioned(file) => {
                past.push(in_place(file, reader)?);
                continue;
            }
            None => read_file(file, reader)?,
        };
        live.extend(rows.into_iter().map(|rows| widened(&labels.versioned(name, rows), &schema)));
    }
    Ok(TableData { name: name.into(), schema, live, past, view: None })
}

/// The types of what stands beside the values of all metrics. Of definitions that are over it is known as texts alone, so it
/// stays texts for all where one of them has it.
fn types_of_finals(logs: &[LogAnswer<'_>], sealed: &[Arc<SealedPart>]) -> BesideTypes {
    let metrics = logs.iter().flat_map(|log| log.plan.metrics.iter().map(move |metric| (&**log.plan, metric)));
    let mut types = rows::agreed(metrics.flat_map(|(plan, metric)| rows::beside_metric(plan, metric)));
    for part in sealed {
        let files = part.files.iter().zip(&part.schemas).filter(|(file, _)| is_of(file, "finals"));
        files.flat_map(|(_, columns)| columns.fields()).for_each(|field| _ = types.remove(field.name()));
    }
    types
}

pub(super) fn is_of(file: &FileRef, table: &str) -> bool {
    results::table_of(file) == Some(table)
}

/// The table of what the logs had that could not be read, each row once: every deployment that reads a log finds it there.
fn once(
    scan: &TableScan,
    schema: SchemaRef,
    uncommitted: Vec<RecordBatch>,
    files: Vec<(&FileRef, &CheckpointReader, &Labels)>,
) -> Result<TableData, EngineError> {
    let (mut rows, mut wanted) = (vec![], Wanted::by(scan));
    for (file, reader, _) in files {
        rows.extend(match wanted.rows(file, reader, None)? {
            Some(rows) => rows,
            None => read_file(file, reader)?,
        });
    }
    rows.extend(uncommitted);
    let internal = |error: ArrowError| EngineError::Internal(error.to_string());
    let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(internal)?;
    let mut seen = BTreeSet::new();
    let mut live = vec![];
    for rows in rows {
        let rows = widened(&rows, &schema);
        let keys = converter.convert_columns(rows.columns()).map_err(internal)?;
        let first: BooleanArray = keys.iter().map(|key| Some(seen.insert(key.as_ref().to_vec()))).collect();
        live.push(arrow::compute::filter_record_batch(&rows, &first).map_err(internal)?);
    }
    Ok(TableData { name: scan.table.clone(), schema, live, past: vec![], view: None })
}

/// The columns of a file as far as the table shows them: of alerts what stands beside them is in one.
fn shown(name: &str, columns: &SchemaRef) -> SchemaRef {
    if name != "alerts" {
        return Arc::clone(columns);
    }
    let own = columns.fields().iter().filter(|field| rows::is_of_alerts(field.name())).cloned();
    Arc::new(Schema::new(own.collect::<Vec<_>>()))
}

/// The columns of a table with those that only some of its files have.
fn with_columns(schema: &SchemaRef, more: &SchemaRef) -> SchemaRef {
    // Files of before `value_exact` are read with the names of now.
    let is_known = |field: &Field| schema.column_with_name(field.name()).is_some() || field.name() == "value_f64";
    let is_new = |field: &&Arc<Field>| !is_known(field);
    let new: Vec<Arc<Field>> = more.fields().iter().filter(is_new).cloned().collect();
    if new.is_empty() {
        return Arc::clone(schema);
    }
    let fields: Vec<Arc<Field>> = schema.fields().iter().cloned().chain(new).collect();
    Arc::new(Schema::new(fields))
}

/// A batch with the columns of a wider table, null where it has none.
pub(super) fn widened(batch: &RecordBatch, schema: &SchemaRef) -> RecordBatch {
    rows::conformed(batch, schema)
}

pub(super) fn empty_plan() -> Plan {
    let source = plan::SourceDefinition {
        name: String::new(),
        key: vec![],
        time: plan::FieldPath(vec![]),
        time_unit: plan::TimeUnit::Nanoseconds,
        order: None,
        lateness: 0,
        future: None,
        idle: plan::Idle::Usual,
        repair: None,
        csv: plan::Csv::default(),
    };
    plan::PlanBuilder::new(source).finish()
}

/// A metric's own view: the rows of `finals` that are the metric's, with a `value` of its type.
pub(super) fn view(scan: &TableScan, metric: usize, log: &LogAnswer<'_>) -> Result<TableData, EngineError> {
    let types = rows::agreed(rows::beside_metric(log.plan, &log.plan.metrics[metric]));
    let live = rows::typed(&rows::metric_view(log.plan, metric, &log.sessions()), &types);
    let value = Some(rows::value_column(log.plan, metric));
    let view = OutputView { column: "metric".into(), name: scan.table.clone(), value };
    seen_through(live, view, "finals", log, scan)
}

/// An alert's own view: the rows of `alerts` that are the alert's, with what stands beside it in columns of its own.
pub(super) fn alert_view(scan: &TableScan, alert: usize, log: &LogAnswer<'_>) -> Result<TableData, EngineError> {
    let types = rows::agreed(rows::beside_alert(log.plan, &log.plan.alerts[alert]));
    let live = rows::typed(&rows::alert_view(log.plan, alert, &log.alerts()), &types);
    let view = OutputView { column: "alert".into(), name: scan.table.clone(), value: None };
    seen_through(live, view, "alerts", log, scan)
}

/// The rows of one output, in memory and in the files of a table.
fn seen_through(
    live: RecordBatch,
    view: OutputView,
    table: &str,
    log: &LogAnswer<'_>,
    scan: &TableScan,
) -> Result<TableData, EngineError> {
    let (schema, mut live) = (live.schema(), vec![live]);
    let (mut past, mut wanted) = (vec![], Wanted::by(scan));
    for answer in &log.answers {
        for file in answer.results.iter().filter(|file| is_of(file, table)) {
            match wanted.rows(file, &answer.reader, None)? {
                Some(rows) => {
                    for rows in rows {
                        live.push(of_view(&rows, &view, &schema)?);
                    }
                }
                None => past.push(in_place(file, &answer.reader)?),
            }
        }
    }
    Ok(TableData { name: view.name.clone(), schema, live, past, view: Some(view) })
}

/// Those of the rows of a file, with the columns of now, that are of one output, with the columns of its own table.
fn of_view(rows: &RecordBatch, view: &OutputView, schema: &SchemaRef) -> Result<RecordBatch, EngineError> {
    let internal = |error: ArrowError| EngineError::Internal(format!("history of `{}`: {error}", view.name));
    let names = text_column(rows, &view.column)?.iter();
    let own: BooleanArray = names.map(|name| Some(name == Some(view.name.as_str()))).collect();
    let rows = arrow::compute::filter_record_batch(rows, &own).map_err(internal)?;
    let column = |field: &Arc<Field>| {
        let name = match (field.name().as_str(), view.value) {
            ("value", Some(value)) => value.of_finals(),
            (name, _) => name,
        };
        match rows.column_by_name(name) {
            Some(column) => arrow::compute::cast(column, field.data_type()),
            None => Ok(arrow::array::new_null_array(field.data_type(), rows.num_rows())),
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>().map_err(internal)?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(internal)
}
