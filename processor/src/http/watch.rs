//! Answers as they change.
//!
//! The question is asked again and again; an event is sent when the set of rows is another one than that sent last.
//! Rows are compared without regard to their order, which an answer without ORDER BY does not have.
//! A question that cannot be answered any more (its metric is dropped) ends with an event `error` that says so.
//!
//! A name is answered without SQL, so that lean builds have it too.

use super::answer::QuestionPermit;
use super::error::HttpError;
use super::json::{JsonShape, rows};
use super::{HttpApp, site};
use crate::engine::{Engine, EngineError, TableData, TableScan};
use crate::results;
use crate::rows::typed_as;
use crate::sql::{QueryCode, SqlQuestion, too_many};
use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use std::convert::Infallible;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

/// Time between two looks unless the request says otherwise.
const INTERVAL_MS: u64 = 500;

/// The shortest that a request can ask for.
const INTERVAL_MS_MIN: u64 = 50;

/// How long one look may take.
const LOOK_TIME_MAX: Duration = Duration::from_secs(60);

/// How long nothing is sent before a comment says that the connection still is.
const QUIET_MAX: Duration = Duration::from_secs(15);

/// All aggregated metrics at once, for those who watch everything.
const TOTALS: &str = "totals";

/// Where a name's rows are, and the column that has the name: the first that has any rows is shown.
const PLACES: [(&str, &str); 3] = [(TOTALS, "metric"), ("finals", "metric"), ("alerts", "alert")];

#[derive(Deserialize)]
pub(super) struct Watched {
    name: Option<String>,
    sql: Option<String>,
    interval_ms: Option<u64>,
}

#[derive(Clone)]
enum Subject {
    Name(String),
    Sql(String),
}

pub(super) async fn watch(
    State(app): State<HttpApp>,
    headers: HeaderMap,
    watched: Result<Query<Watched>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(Watched { name, sql, interval_ms }) = watched?;
    let subject = match (name, sql) {
        (Some(name), None) => Subject::Name(name),
        (None, Some(sql)) => {
            site::is_client(&headers)?;
            Subject::Sql(sql)
        }
        _ => return Err(EngineError::invalid("watch one thing: a `name` or a question in `sql`").into()),
    };
    let interval = Duration::from_millis(interval_ms.unwrap_or(INTERVAL_MS).max(INTERVAL_MS_MIN));
    // The first answer is there before the response begins, so that a mistake is a status.
    let first = look(&app, &subject).await?;
    let (events, queue) = mpsc::channel(1);
    tokio::spawn(follow(app, subject, interval, first, events));
    let body = Body::from_stream(ReceiverStream::new(queue));
    Ok(([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")], body).into_response())
}

type Events = mpsc::Sender<Result<Bytes, Infallible>>;

/// Sends answers until the client is gone, the server ends, or the question cannot be answered any more.
async fn follow(app: HttpApp, subject: Subject, interval: Duration, first: Vec<String>, events: Events) {
    let mut shown = None;
    let mut answer = Ok(first);
    let mut sent_at = Instant::now();
    loop {
        let text = match answer {
            Ok(rows) => changed(&mut shown, &rows).then(|| format!("data: [{}]\n\n", rows.join(","))),
            // These pass; the others do not.
            Err(EngineError::Unavailable(_) | EngineError::Timeout(_)) => None,
            Err(error) => {
                let said = format!("event: error\ndata: {}\n\n", HttpError::from(error).belated());
                let _ = events.send(Ok(said.into())).await;
                return;
            }
        };
        let text = text.or_else(|| (sent_at.elapsed() >= QUIET_MAX).then(|| ": nothing new\n\n".to_owned()));
        if let Some(text) = text {
            if events.send(Ok(text.into())).await.is_err() {
                return;
            }
            sent_at = Instant::now();
        }
        answer = tokio::select! {
            answer = async {
                tokio::time::sleep(interval).await;
                look(&app, &subject).await
            } => answer,
            () = events.closed() => return,
            () = app.closing.asked() => return,
        };
    }
}

/// Whether the rows are others than those shown last; then they are those now.
fn changed(shown: &mut Option<Vec<String>>, rows: &[String]) -> bool {
    let mut sorted = rows.to_vec();
    sorted.sort_unstable();
    let changed = shown.as_ref() != Some(&sorted);
    *shown = Some(sorted);
    changed
}

/// The rows of now.
async fn look(app: &HttpApp, subject: &Subject) -> Result<Vec<String>, EngineError> {
    let rows_max = app.options.watch_rows_max;
    let (batches, shape) = match subject.clone() {
        Subject::Name(name) => (app.ask(move |engine| named(engine, &name, rows_max)).await?, JsonShape::Folded),
        Subject::Sql(sql) => {
            let turn: QuestionPermit = Arc::new(app.turn().await?);
            let asking = SqlQuestion {
                sql,
                engine: app.engine.clone(),
                sync: None,
                parameters: vec![],
                held: Some(turn.clone()),
            };
            let answer = async { app.options.shared.answerer.ask_over("http", asking).await?.collect(rows_max).await };
            let answer = tokio::time::timeout(LOOK_TIME_MAX, answer).await;
            drop(turn);
            (answer.map_err(|_| QueryCode::Time.error("the answer takes too long to be watched"))??, JsonShape::Plain)
        }
    };
    Ok(rows(&batches, shape))
}

/// The totals of a metric, else its finals, or the rows of an alert.
fn named(engine: &dyn Engine, name: &str, rows_max: usize) -> Result<Vec<RecordBatch>, EngineError> {
    let tables = engine.table_names();
    for (table, column) in PLACES.iter().filter(|(table, _)| tables.iter().any(|known| known == table)) {
        let wanted = (name != *table || *table != TOTALS).then_some((*column, name));
        let outputs = wanted.map(|(_, name)| [name.to_owned()].into());
        let snapshot = engine.read(&[TableScan { outputs, ..TableScan::whole(table) }], None, &|| true)?;
        let mut found = vec![];
        for table in &snapshot.tables {
            read(table, wanted, rows_max, &mut found)?;
        }
        if !found.is_empty() || wanted.is_none() {
            return Ok(found);
        }
    }
    let known = engine.queries()?;
    let is_known = known.column_by_name("name").and_then(|names| names.as_string_opt::<i32>());
    match is_known.is_some_and(|names| names.iter().any(|known| known == Some(name))) {
        true => Ok(vec![]),
        false => Err(EngineError::NotFound(format!("there is no metric or alert `{name}`"))),
    }
}

/// The rows of a table, or those with a text in a column, live ones and past ones.
fn read(
    table: &TableData,
    wanted: Option<(&str, &str)>,
    rows_max: usize,
    found: &mut Vec<RecordBatch>,
) -> Result<(), EngineError> {
    let schema = &table.schema;
    let past = table.past.iter().flat_map(|file| {
        let reader = File::open(&file.path)
            .map_err(Into::into)
            .and_then(|file| ParquetRecordBatchReaderBuilder::try_new(file)?.build());
        let (reader, error) = match reader {
            Ok(reader) => (Some(reader), None),
            Err(error) => (None, Some(Err(error.into()))),
        };
        let rows = reader.into_iter().flatten().map(|batch| results::current(batch?));
        rows.map(move |rows| rows.map(|rows| typed_as(&rows, schema))).chain(error)
    });
    for batch in table.live.iter().cloned().map(Ok).chain(past) {
        let rows = batch.and_then(|batch| matching(batch, wanted));
        let rows = rows.map_err(|error| EngineError::Unavailable(format!("history cannot be read: {error}")))?;
        if found.iter().map(RecordBatch::num_rows).sum::<usize>() + rows.num_rows() > rows_max {
            return Err(too_many(rows_max));
        }
        if rows.num_rows() > 0 {
            found.push(rows);
        }
    }
    Ok(())
}

fn matching(batch: RecordBatch, wanted: Option<(&str, &str)>) -> Result<RecordBatch, arrow::error::ArrowError> {
    let Some((column, text)) = wanted else { return Ok(batch) };
    let texts = batch.column_by_name(column).and_then(|texts| texts.as_string_opt::<i32>());
    let Some(texts) = texts else { return Ok(batch.slice(0, 0)) };
    let matches: BooleanArray = texts.iter().map(|found| Some(found == Some(text))).collect();
    filter_record_batch(&batch, &matches)
}
