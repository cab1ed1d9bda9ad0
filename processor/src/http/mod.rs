//! The query surface over HTTP, for the command and for anything else on this machine.
//!
//! Rows travel as Arrow IPC streams, everything else as JSON; an error is `{"code", "message", "rendered"?}` with the
//! status that says what the caller can do about it. The engine's methods block, so they run on threads for that.

use crate::engine::{Engine, EngineError, PositionOf};
use crate::sql;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio_stream::StreamExt as _;

mod json_rows;

/// Questions that are answered at once; more wait.
const QUESTIONS_MAX: usize = 16;
/// The largest request, in bytes.
const BODY_MAX: usize = 4 << 20;
/// Rows of an answer that is sent as one.
const ROWS_MAX: usize = 10_000_000;

/// A server on a thread of its own.
#[derive(Debug)]
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct App {
    engine: Arc<dyn Engine>,
    questions: Arc<Semaphore>,
}

impl Server {
    /// Serves the engine on a listener until it is stopped or dropped.
    pub fn start(listener: TcpListener, engine: Arc<dyn Engine>) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let app = App { engine, questions: Arc::new(Semaphore::new(QUESTIONS_MAX)) };
        let run = move || {
            runtime.block_on(async move {
                let listener = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => return tracing::error!("the listener cannot be used: {error}"),
                };
                let stopped = async {
                    // A server that was dropped stops as well.
                    let _ = stopped.await;
                };
                tokio::select! {
                    result = async { axum::serve(listener, router(app)).await } => {
                        if let Err(error) = result {
                            tracing::error!("the server stopped: {error}");
                        }
                    }
                    () = stopped => {}
                }
            });
            runtime.shutdown_timeout(Duration::from_millis(200));
        };
        let thread = std::thread::Builder::new().name("http".into()).spawn(run)?;
        Ok(Server { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends it; answers that are being sent break off.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A server that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(|| async { "ok" }))
        .route("/metrics", get(metrics))
        .route("/v1/status", get(status))
        .route("/v1/query", post(query))
        .route("/v1/session", get(session))
        .route("/v1/outliers", get(outliers))
        .route("/v1/queries", get(queries))
        .route("/v1/queries/{name}", delete(drop_query))
        .route("/v1/deploy", post(deploy))
        .route("/v1/watch", get(watch))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(app)
}

/// An error as the contract writes it.
struct Failure(EngineError);

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Failure(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, rendered) = match &self.0 {
            EngineError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found", None),
            EngineError::Invalid { rendered, .. } => (StatusCode::BAD_REQUEST, "invalid", rendered.clone()),
            EngineError::Conflict { rendered, .. } => (StatusCode::CONFLICT, "conflict", rendered.clone()),
            EngineError::Timeout(_) => (StatusCode::GATEWAY_TIMEOUT, "timeout", None),
            EngineError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", None),
            EngineError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", None),
        };
        let mut body = json!({"code": code, "message": self.0.to_string()});
        if let Some(rendered) = rendered {
            body["rendered"] = json!(rendered);
        }
        (status, Json(body)).into_response()
    }
}

/// Runs a blocking question of the engine, not too many at once.
async fn ask<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&dyn Engine) -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Failure> {
    let engine = Arc::clone(&app.engine);
    let turn = Arc::clone(&app.questions).acquire_owned().await;
    let answer = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        question(&*engine)
    });
    let answer = answer.await.map_err(|error| EngineError::Internal(error.to_string()))?;
    Ok(answer?)
}

#[derive(Deserialize)]
struct Sync {
    #[serde(default)]
    sync: Option<bool>,
    #[serde(default)]
    timeout_s: Option<f64>,
}

impl Sync {
    /// How long to wait for everything that the source holds; none for an answer at once.
    fn wait(&self) -> Option<Duration> {
        let seconds = self.timeout_s.filter(|s| s.is_finite()).unwrap_or(60.0).clamp(0.0, 86_400.0);
        self.sync.unwrap_or(false).then(|| Duration::from_secs_f64(seconds))
    }
}

async fn status(State(app): State<App>) -> Result<Json<Value>, Failure> {
    Ok(Json(ask(&app, |engine| Ok(engine.status())).await?))
}

#[derive(Deserialize)]
struct Question {
    sql: String,
    #[serde(flatten)]
    sync: Sync,
}

async fn query(State(app): State<App>, Json(question): Json<Question>) -> Result<Response, Failure> {
    let turn = Arc::clone(&app.questions).acquire_owned().await;
    let answer = sql::run(&question.sql, Arc::clone(&app.engine), question.sync.wait()).await?;
    let (schema, positions) = (answer.schema.clone(), answer.positions.clone());
    let batches = answer.collect(ROWS_MAX).await?;
    drop(turn);
    rows(&schema, &batches, &positions)
}

#[derive(Deserialize)]
struct SessionQuestion {
    key: String,
    at: Option<i64>,
    query: Option<String>,
    sync: Option<bool>,
    timeout_s: Option<f64>,
}

async fn session(State(app): State<App>, Query(q): Query<SessionQuestion>) -> Result<Response, Failure> {
    let wait = Sync { sync: q.sync, timeout_s: q.timeout_s }.wait();
    let story = ask(&app, move |engine| engine.session(&q.key, q.at, q.query.as_deref(), wait)).await?;
    let positions = story["positions"].to_string();
    let mut response = Json(story).into_response();
    put_positions(&mut response, &positions);
    Ok(response)
}

#[derive(Deserialize)]
struct OutliersQuestion {
    name: String,
    top: Option<usize>,
    sync: Option<bool>,
    timeout_s: Option<f64>,
}

async fn outliers(State(app): State<App>, Query(q): Query<OutliersQuestion>) -> Result<Response, Failure> {
    let wait = Sync { sync: q.sync, timeout_s: q.timeout_s }.wait();
    let (batch, positions) = ask(&app, move |engine| engine.outliers(&q.name, q.top.unwrap_or(10), wait)).await?;
    rows(&batch.schema(), &[batch], &positions)
}

async fn queries(State(app): State<App>) -> Result<Response, Failure> {
    let batch = ask(&app, |engine| engine.queries()).await?;
    rows(&batch.schema(), &[batch], &[])
}

async fn drop_query(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, Failure> {
    Ok(Json(ask(&app, move |engine| engine.drop_query(&name)).await?))
}

#[derive(Deserialize)]
struct Deployment {
    programs: Vec<Named>,
    #[serde(default)]
    plan: bool,
    from: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    text: String,
}

async fn deploy(State(app): State<App>, Json(deployment): Json<Deployment>) -> Result<Json<Value>, Failure> {
    let Deployment { programs, plan, from } = deployment;
    let programs = programs.into_iter().map(|program| (program.name, program.text)).collect();
    Ok(Json(ask(&app, move |engine| engine.deploy(programs, plan, from)).await?))
}

#[derive(Deserialize)]
struct WatchQuestion {
    name: Option<String>,
    sql: Option<String>,
    interval_ms: Option<u64>,
}

/// Server-sent events: each is a whole answer, sent when it is another one than before.
async fn watch(State(app): State<App>, Query(q): Query<WatchQuestion>) -> Result<Response, Failure> {
    let every = Duration::from_millis(q.interval_ms.unwrap_or(500).clamp(10, 60_000));
    let watched = match (q.name, q.sql) {
        (Some(name), None) => Watched::Name(name),
        (None, Some(sql)) => Watched::Sql(sql),
        _ => {
            let message = "watch either a name or a question in SQL".into();
            return Err(EngineError::Invalid { message, rendered: None }.into());
        }
    };
    // The first answer comes before the stream, so that a mistake in the question is an error and not an end.
    let mut last = watched.rows(&app).await?;
    let (send, receive) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        // The stream ends when nobody listens any more, or when there is no answer any more.
        if send.send(last.clone()).await.is_err() {
            return;
        }
        let mut ticks = tokio::time::interval(every);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = send.closed() => return,
            }
            let Ok(rows) = watched.rows(&app).await else { return };
            if rows != last {
                last = rows.clone();
                if send.send(rows).await.is_err() {
                    return;
                }
            }
        }
    });
    let events = tokio_stream::wrappers::ReceiverStream::new(receive);
    Ok(Sse::new(events.map(|rows| Ok::<_, Infallible>(Event::default().data(rows)))).into_response())
}

/// What is watched.
enum Watched {
    Name(String),
    Sql(String),
}

impl Watched {
    /// The rows as a JSON array.
    async fn rows(&self, app: &App) -> Result<String, Failure> {
        match self {
            Watched::Sql(text) => {
                let answer = sql::run(text, Arc::clone(&app.engine), None).await?;
                Ok(json_rows::array(&answer.collect(ROWS_MAX).await?))
            }
            Watched::Name(name) => {
                let name = name.clone();
                let batches = ask(app, move |engine| named(engine, &name)).await?;
                Ok(json_rows::array(&batches))
            }
        }
    }
}

/// The answer of a name: totals of an aggregated metric, sessions of another one, spans of an alert.
fn named(engine: &dyn Engine, name: &str) -> Result<Vec<RecordBatch>, EngineError> {
    let table = |table: &str| -> Result<Vec<RecordBatch>, EngineError> {
        let snapshot = engine.snapshot(&[table.to_owned()], None)?;
        Ok(snapshot.tables.into_iter().flat_map(|table| table.live).collect())
    };
    let queries = engine.queries()?;
    let of = |column: &str| json_rows::texts(&queries, column);
    let sort = of("name").into_iter().zip(of("sort")).find(|(own, _)| own == name).map(|(_, sort)| sort);
    match sort.as_deref() {
        None => Err(EngineError::NotFound(format!("no metric or alert `{name}` is deployed"))),
        Some("alert") => Ok(table("alerts")?.iter().map(|batch| json_rows::only(batch, "alert", name)).collect()),
        Some(_) => {
            let totals: Vec<RecordBatch> =
                table("totals")?.iter().map(|batch| json_rows::only(batch, "metric", name)).collect();
            if totals.iter().any(|batch| batch.num_rows() > 0) { Ok(totals) } else { table(name) }
        }
    }
}

fn rows(schema: &SchemaRef, batches: &[RecordBatch], positions: &[PositionOf]) -> Result<Response, Failure> {
    let internal = |error: arrow::error::ArrowError| EngineError::Internal(error.to_string());
    let mut bytes = vec![];
    let mut writer = StreamWriter::try_new(&mut bytes, schema).map_err(internal)?;
    for batch in batches {
        writer.write(batch).map_err(internal)?;
    }
    writer.finish().map_err(internal)?;
    drop(writer);
    let mut response = Response::new(Body::from(bytes));
    let kind = HeaderValue::from_static("application/vnd.apache.arrow.stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    put_positions(&mut response, &serde_json::to_string(positions).unwrap_or_else(|_| "[]".into()));
    Ok(response)
}

fn put_positions(response: &mut Response, positions: &str) {
    if let Ok(value) = HeaderValue::from_str(positions) {
        response.headers_mut().insert("timeline-positions", value);
    }
}

/// For Prometheus.
async fn metrics(State(app): State<App>) -> Result<Response, Failure> {
    let status = ask(&app, |engine| Ok(engine.status())).await?;
    let mut text = String::new();
    for (name, sort) in [
        ("records", "counter"),
        ("events", "counter"),
        ("late_events", "counter"),
        ("dead_letters", "counter"),
        ("closed_sessions", "counter"),
        ("epoch", "counter"),
        ("live_sessions", "gauge"),
        ("state_bytes", "gauge"),
        ("lag_bytes", "gauge"),
    ] {
        let unit = if sort == "counter" { "_total" } else { "" };
        text.push_str(&format!("# TYPE timeline_{name}{unit} {sort}\n"));
        for partition in status["partitions"].as_array().into_iter().flatten() {
            if let (Some(source), Some(value)) = (partition["source"].as_str(), partition[name].as_u64()) {
                text.push_str(&format!("timeline_{name}{unit}{{source=\"{source}\",partition=\"0\"}} {value}\n"));
            }
        }
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}
