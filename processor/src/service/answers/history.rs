//! Tables of committed rows, with those that are not committed yet or never will be while their sessions live.

use super::{LogAnswer, SealedPart, read_file, unread, versions};
use crate::checkpoint::{FileRef, Reader};
use crate::engine::{EngineError, PastFile, TableData, View};
use crate::labels::Labels;
use crate::lane::{AlertRow, Session};
use crate::results::{self, Pending};
use crate::rows::{self, AlertColumns, Types};
use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use std::collections::BTreeSet;
use std::sync::Arc;
use timeline_core::plan::{self, Plan};

/// Committed rows and those that are not yet, or never will be while their sessions live; of definitions that were replaced
/// what was committed.
pub(super) fn history(
    name: &str,
    logs: &[LogAnswer<'_>],
    sealed: &[Arc<SealedPart>],
) -> Result<TableData, EngineError> {
    let mut live = match name {
        "finals" => {
            let all: Vec<Vec<Session>> = logs.iter().map(LogAnswer::sessions).collect();
            let pairs: Vec<(&Plan, &[Session])> = logs.iter().zip(&all).map(|(log, s)| (&**log.plan, &s[..])).collect();
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
    let mut files: Vec<(&FileRef, &Reader, &Labels)> = vec![];
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
    let mut read = BTreeSet::new();
    let mut sources = logs.iter().flat_map(|log| log.plan.sources());
    let is_read_twice = !sealed.is_empty() || sources.any(|source| !read.insert(&source.name));
    if is_read_twice && matches!(name, "late_events" | "dead_letters") {
        return once(name, schema, live, files);
    }
    live.iter_mut().for_each(|rows| *rows = widened(rows, &schema));
    let mut past = vec![];
    for (file, reader, labels) in files {
        if results::is_versioned(file) {
            past.push(in_place(file, reader)?);
        } else {
            live.extend(
                read_file(file, reader)?.into_iter().map(|rows| widened(&labels.versioned(name, rows), &schema)),
            );
        }
    }
    Ok(TableData { name: name.into(), schema, live, past, view: None })
}

/// The types of what stands beside the values of all metrics. Of definitions that are over it is known as texts alone, so it
/// stays texts for all where one of them has it.
fn types_of_finals(logs: &[LogAnswer<'_>], sealed: &[Arc<SealedPart>]) -> Types {
    let metrics = logs.iter().flat_map(|log| log.plan.metrics.iter().map(move |metric| (&**log.plan, metric)));
    let mut types = rows::agreed(metrics.flat_map(|(plan, metric)| rows::beside_metric(plan, metric)));
    for part in sealed {
        let files = part.files.iter().zip(&part.schemas).filter(|(file, _)| is_of(file, "finals"));
        files.flat_map(|(_, columns)| columns.fields()).for_each(|field| _ = types.remove(field.name()));
    }
    types
}

fn is_of(file: &FileRef, table: &str) -> bool {
    results::table_of(file) == Some(table)
}

/// A table of what the logs had that could not be used, each row once: every deployment that reads a log finds it there.
fn once(
    name: &str,
    schema: SchemaRef,
    uncommitted: Vec<RecordBatch>,
    files: Vec<(&FileRef, &Reader, &Labels)>,
) -> Result<TableData, EngineError> {
    let mut rows = vec![];
    for (file, reader, _) in files {
        rows.extend(read_file(file, reader)?);
    }
    rows.extend(uncommitted);
    let internal = |error: arrow::error::ArrowError| EngineError::Internal(error.to_string());
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
    Ok(TableData { name: name.into(), schema, live, past: vec![], view: None })
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

/// A file that is read where it is.
fn in_place(file: &FileRef, reader: &Reader) -> Result<PastFile, EngineError> {
    let path = reader.path(file).map_err(unread)?;
    Ok(PastFile { path, layout: results::layout_of(file) })
}

/// A batch with the columns of a wider table, null where it has none.
pub(super) fn widened(batch: &RecordBatch, schema: &SchemaRef) -> RecordBatch {
    rows::conformed(batch, schema)
}

pub(super) fn empty_plan() -> Plan {
    let source = plan::Source {
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
    plan::Builder::new(source).finish()
}

/// A metric's own view: the rows of `finals` that are the metric's, with a `value` of its type.
pub(super) fn view(name: &str, metric: usize, log: &LogAnswer<'_>) -> Result<TableData, EngineError> {
    let types = rows::agreed(rows::beside_metric(log.plan, &log.plan.metrics[metric]));
    let live = rows::typed(&rows::metric_view(log.plan, metric, &log.sessions()), &types);
    let value = Some(rows::value_column(log.plan, metric));
    seen_through(live, View { column: "metric".into(), name: name.to_owned(), value }, "finals", log)
}

/// An alert's own view: the rows of `alerts` that are the alert's, with what stands beside it in columns of its own.
pub(super) fn alert_view(name: &str, alert: usize, log: &LogAnswer<'_>) -> Result<TableData, EngineError> {
    let types = rows::agreed(rows::beside_alert(log.plan, &log.plan.alerts[alert]));
    let live = rows::typed(&rows::alert_view(log.plan, alert, &log.alerts()), &types);
    seen_through(live, View { column: "alert".into(), name: name.to_owned(), value: None }, "alerts", log)
}

/// The rows of one output, in memory and in the files of a table.
fn seen_through(live: RecordBatch, view: View, table: &str, log: &LogAnswer<'_>) -> Result<TableData, EngineError> {
    let mut past = vec![];
    for answer in &log.answers {
        for file in answer.results.iter().filter(|file| is_of(file, table)) {
            past.push(in_place(file, &answer.reader)?);
        }
    }
    Ok(TableData { name: view.name.clone(), schema: live.schema(), live: vec![live], past, view: Some(view) })
}
