//! What is asked where.

use super::answer::{QuestionPermit, stream, with_extent, with_notes, with_positions};
use super::error::HttpError;
use super::groups::Groups;
use super::rows::RowFormat;
use super::token::RequestSender;
use super::{HttpApp, connection, metrics, openapi, site, token, watch};
use crate::engine::{EngineError, Listed, Page};
use crate::measured;
use crate::sql::{SqlAnswer, SqlQuestion};
use crate::traced;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, MatchedPath, Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Extension, Json, Router};
use bytes::Bytes;
use event_feeder::world::Instant;
use serde::Deserialize;
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use timeline_dsl::parser::MAX_CARRIED_BYTES;
use tracing::Instrument;

/// How long answers may be waited for unless the request says otherwise.
const TIMEOUT_S: f64 = 60.0;

/// The longest that a request can ask to wait.
const TIMEOUT_S_MAX: f64 = 3600.0;

/// Outliers unless the request says how many.
const TOP: usize = 10;

/// Every address and the method that it is asked with, in the order in which `docs/http.md` describes them.
pub(super) fn all() -> Vec<(&'static str, &'static str, MethodRouter<HttpApp>)> {
    vec![
        ("GET", connection::HEALTH, get(|| async { "ok\n" })),
        ("GET", "/v1/status", get(status)),
        ("GET", "/metrics", get(prometheus)),
        ("POST", "/v1/query", post(query)),
        ("GET", "/v1/watch", get(watch::watch)),
        ("GET", "/v1/session", get(session)),
        ("GET", "/v1/outliers", get(outliers)),
        ("GET", "/v1/queries", get(queries)),
        ("POST", "/v1/deploy", deployers(post(deploy)).layer(DefaultBodyLimit::max(DEPLOY_BYTES_MAX))),
        ("DELETE", "/v1/queries/{name}", deployers(delete(drop_query))),
        ("GET", "/", get(|| async { Html(include_str!("page.html")) })),
        ("GET", openapi::PATH, get(|| async { ([(CONTENT_TYPE, "application/json")], openapi::DESCRIPTION) })),
        ("POST", "/v1/peer/answers", deployers(post(peer_answers))),
        ("GET", "/v1/peer/programs", deployers(get(peer_programs))),
    ]
}

/// An address for those alone who may change what runs.
fn deployers(answer: MethodRouter<HttpApp>) -> MethodRouter<HttpApp> {
    answer.layer(from_fn(token::deploys))
}

/// The most groups of totals that a scrape is told.
const TOTALS_MAX: usize = 10_000;
/// The most bytes of programs that are deployed at once, with the tables that they carry.
const DEPLOY_BYTES_MAX: usize = MAX_CARRIED_BYTES + (4 << 20);

pub(super) fn router(app: HttpApp) -> Router {
    let router = all().into_iter().fold(Router::new(), |router, (_, path, answer)| router.route(path, answer));
    router
        .route_layer(from_fn_with_state(app.clone(), timed))
        .fallback(|| async { HttpError::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this address is asked in another way")
        })
        .layer(DefaultBodyLimit::max(app.options.body_bytes_max))
        .layer(from_fn_with_state(app.clone(), token::known))
        .layer(from_fn_with_state(app.clone(), site::known))
        .layer(from_fn_with_state(app.clone(), named_as_itself))
        .with_state(app)
}

/// Parameters of a wait.
#[derive(Deserialize)]
struct WaitParameters {
    #[serde(default)]
    sync: bool,
    timeout_s: Option<f64>,
}

impl WaitParameters {
    /// What the engine is told, and the limit on the whole.
    fn limits(&self) -> Result<(Option<Duration>, Duration), EngineError> {
        let seconds = self.timeout_s.unwrap_or(TIMEOUT_S).min(TIMEOUT_S_MAX);
        let limit = Duration::try_from_secs_f64(seconds)
            .map_err(|_| EngineError::invalid("`timeout_s` is a number of seconds, 0 or more"))?;
        Ok((self.sync.then_some(limit), limit))
    }
}

#[derive(Deserialize)]
struct QueryParameters {
    sql: String,
    #[serde(flatten)]
    wait: WaitParameters,
}

async fn query(
    State(app): State<HttpApp>,
    headers: HeaderMap,
    question: Result<Json<QueryParameters>, JsonRejection>,
) -> Result<Response, HttpError> {
    let Json(QueryParameters { sql, wait }) = question?;
    let (sync, limit) = wait.limits()?;
    let format = RowFormat::accepted(&headers)?;
    let (engine, answerer) = (app.engine.clone(), app.options.shared.answerer.clone());
    let ask = |turn: QuestionPermit| async move {
        answerer.ask_over("http", SqlQuestion { sql, engine, sync, parameters: vec![], held: Some(turn) }).await
    };
    stream(&app, format, limit, ask).await
}

#[derive(Deserialize)]
struct SessionQuestion {
    key: String,
    at: Option<i64>,
    query: Option<String>,
    #[serde(default)]
    sync: bool,
    timeout_s: Option<f64>,
}

async fn session(
    State(app): State<HttpApp>,
    question: Result<Query<SessionQuestion>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(SessionQuestion { key, at, query, sync, timeout_s }) = question?;
    let (sync, _) = WaitParameters { sync, timeout_s }.limits()?;
    let answer = app.ask(move |engine| engine.session(&key, at, query.as_deref(), sync)).await?;
    let [positions, notes] = ["positions", "notes"].map(|name| answer.get(name).filter(|all| all.is_array()).cloned());
    let response = Json(answer).into_response();
    let response = notes.iter().fold(response, with_notes);
    Ok(positions.iter().fold(response, with_positions))
}

#[derive(Deserialize)]
struct OutlierQuestion {
    name: String,
    top: Option<usize>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    sync: bool,
    timeout_s: Option<f64>,
}

async fn outliers(
    State(app): State<HttpApp>,
    headers: HeaderMap,
    question: Result<Query<OutlierQuestion>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(OutlierQuestion { name, top, offset, sync, timeout_s }) = question?;
    let (sync, limit) = WaitParameters { sync, timeout_s }.limits()?;
    let (page, format) = (Page { offset, limit: top.unwrap_or(TOP) }, RowFormat::accepted(&headers)?);
    let listed = app.ask(move |engine| engine.outliers(&name, page, sync)).await?;
    list(&app, format, limit, listed).await
}

/// Which rows of a list are wanted.
#[derive(Deserialize)]
struct PageParameters {
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
}

async fn queries(
    State(app): State<HttpApp>,
    headers: HeaderMap,
    wanted: Result<Query<PageParameters>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(PageParameters { limit, offset }) = wanted?;
    let (page, format) = (Page { offset, limit: limit.unwrap_or(usize::MAX) }, RowFormat::accepted(&headers)?);
    let all = app.ask(|engine| engine.queries()).await?;
    let (rows, extent) = page.cut(&all, all.num_rows());
    list(&app, format, Duration::from_secs_f64(TIMEOUT_S), Listed { rows, extent, positions: vec![], notes: vec![] })
        .await
}

/// A page of a list, saying how much of it that is.
async fn list(app: &HttpApp, format: RowFormat, limit: Duration, listed: Listed) -> Result<Response, HttpError> {
    let Listed { rows, extent, positions, notes } = listed;
    let mut answer = SqlAnswer::of(rows, positions);
    answer.basis.notes = notes;
    let response = stream(app, format, limit, |_| async { Ok(answer) }).await?;
    Ok(with_extent(response, &extent))
}

async fn drop_query(
    State(app): State<HttpApp>,
    Extension(sender): Extension<RequestSender>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, HttpError> {
    let Path(name) = name?;
    let dropped = name.clone();
    let done = app.ask(move |engine| engine.drop_query(&dropped)).await;
    token::audit(&sender, "drop", &name, &done);
    Ok(Json(done?))
}

#[derive(Deserialize)]
struct DeploymentBody {
    programs: Vec<ProgramBody>,
    #[serde(default)]
    plan: bool,
    from: Option<String>,
}

#[derive(Deserialize)]
struct ProgramBody {
    name: String,
    text: String,
}

async fn deploy(
    State(app): State<HttpApp>,
    Extension(sender): Extension<RequestSender>,
    deployment: Result<Json<DeploymentBody>, JsonRejection>,
) -> Result<Json<Value>, HttpError> {
    let Json(DeploymentBody { programs, plan, from }) = deployment?;
    if let Some(from) = from.as_deref().filter(|from| !matches!(*from, "start" | "now")) {
        return Err(EngineError::invalid(format!("`from` is `start` or `now`, not `{from}`")).into());
    }
    let files: Vec<&str> = programs.iter().map(|program| program.name.as_str()).collect();
    let files = files.join(", ");
    let programs = programs.into_iter().map(|program| (program.name, program.text)).collect();
    let done = app.ask(move |engine| engine.deploy(programs, plan, from)).await;
    if !plan {
        token::audit(&sender, "deploy", &said(&files, done.as_ref().ok()), &done);
    }
    Ok(Json(done?))
}

/// The files of a deployment, and what became of which names.
fn said(files: &str, done: Option<&Value>) -> String {
    let names = done.and_then(|done| done["names"].as_array()).into_iter().flatten();
    let names = names.filter_map(|name| Some(format!("{} {}", name["what"].as_str()?, name["name"].as_str()?)));
    let names: Vec<String> = names.filter(|name| !name.starts_with("unchanged")).collect();
    if names.is_empty() { files.to_owned() } else { format!("{files}: {}", names.join(", ")) }
}

/// Asked by the other processors of the state, which have turns of their own: waiting for one here while they hold theirs
/// could make two wait for each other.
async fn peer_answers(
    State(app): State<HttpApp>,
    question: Result<Bytes, BytesRejection>,
) -> Result<Response, HttpError> {
    let question = question?;
    let bytes = app.ask_now(move |engine| engine.answer_peer(&question)).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

async fn peer_programs(State(app): State<HttpApp>) -> Result<String, HttpError> {
    Ok(app.ask_now(|engine| Ok(engine.programs_version().to_string())).await?)
}

async fn status(State(app): State<HttpApp>) -> Result<Json<Value>, HttpError> {
    Ok(Json(app.ask_now(|engine| Ok(engine.status())).await?))
}

/// What a scrape asks for beside what is always told.
#[derive(Deserialize)]
struct Scrape {
    /// So many groups of totals.
    totals: Option<usize>,
}

async fn prometheus(
    State(app): State<HttpApp>,
    scrape: Result<Query<Scrape>, QueryRejection>,
) -> Result<Response, HttpError> {
    let Query(Scrape { totals }) = scrape?;
    let status = app.ask_now(|engine| Ok(engine.status())).await?;
    let groups = match totals.map(|most| most.min(TOTALS_MAX)) {
        None => None,
        Some(most) => {
            let snapshot = app.ask(|engine| engine.snapshot(&["totals".to_owned()], None)).await?;
            Some(Groups { rows: snapshot.tables.into_iter().flat_map(|table| table.live).collect(), most })
        }
    };
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::text(status, groups)).into_response())
}

/// Measures how long a request waits for its answer, by its address and the status, and traces it.
async fn timed(State(app): State<HttpApp>, path: MatchedPath, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let span = traced::request(request.method().as_str(), path.as_str());
    if let Some(follows) = app.options.follows.filter(|_| !span.is_disabled()) {
        follows(&span, request.headers());
    }
    let answer = next.run(request).instrument(span.clone()).await;
    let status = answer.status().as_u16();
    traced::responded(&span, status);
    measured::request(path.as_str(), status, began.elapsed());
    answer
}

/// Refuses requests to a loopback listener under a name that anybody could have given it.
async fn named_as_itself(State(app): State<HttpApp>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
    if app.is_local && host.is_some_and(|host| !is_address_or_localhost(host)) {
        let message = "this processor answers on this machine only: call it by its address or `localhost`";
        return HttpError::new(StatusCode::FORBIDDEN, "host", message).into_response();
    }
    next.run(request).await
}

fn is_address_or_localhost(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[') {
        return v6.split(']').next().is_some_and(|address| address.parse::<IpAddr>().is_ok());
    }
    let name = host.split(':').next().unwrap_or_default();
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}
