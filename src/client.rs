//! The client of a running processor: HTTP, with TLS or without, one blocking call a request.
//!
//! What the server answers is mapped to the contract's errors here and nowhere else:
//! it cannot be reached or is too late (exit 3), it refuses a program (1), a name or a question makes no sense (2).

mod reply;
mod rows;
mod tls;
mod watch;

pub(crate) use reply::{
    DeployReply, DeployedName, DeploymentStatus, DropReply, ReplyNote, ReplyPosition, ReplySession, ReplySpan,
    SessionReply, SessionRow,
};
pub(crate) use rows::ArrivingRows;
#[cfg(feature = "otlp")]
pub(crate) use tls::trusting;
#[cfg(not(feature = "otlp"))]
use tls::trusting;
pub(crate) use watch::{AnswerWatch, WatchedRow};

use crate::error::{Error, Result};
use processor::engine::Page;
use processor::tokens::BearerToken;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// How much longer than the server's own limit we wait for its answer.
const GRACE: Duration = Duration::from_secs(5);
/// How long deploying may take: the server may have to read a whole log first.
const DEPLOY: Duration = Duration::from_secs(3600);
/// Most of an answer that is read into memory whole.
const MOST_BYTES: u64 = 1 << 30;

/// A processor somewhere.
pub(crate) struct ProcessorClient {
    agent: Agent,
    base: String,
    token: Option<BearerToken>,
}

/// Whether an answer waits until everything that the source holds now has been read, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitFor {
    pub(crate) sync: bool,
    pub(crate) timeout: Duration,
}

/// A program by its name (the file's) and text.
#[derive(Debug, Serialize)]
pub(crate) struct NamedProgram {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What is asked of a deployment.
#[derive(Debug, Serialize)]
pub(crate) struct DeployRequest {
    pub(crate) programs: Vec<NamedProgram>,
    /// Only say what would be done.
    pub(crate) plan: bool,
    /// `start` or `now`.
    pub(crate) from: &'static str,
}

#[derive(Serialize)]
struct QueryRequest<'a> {
    sql: &'a str,
    sync: bool,
    timeout_s: f64,
}

impl ProcessorClient {
    /// The processor at a base URL such as `http://127.0.0.1:7171` or, with TLS, `https://timeline.example`, which is
    /// trusted by the certificates in a file or by those that browsers trust.
    pub(crate) fn new(base: String, ca: Option<&Path>) -> Result<Self> {
        let is_tls = base.starts_with("https://");
        if !is_tls && !base.starts_with("http://") {
            return Err(Error::Usage(format!(
                "`{base}` is not an address of a processor\n  help: write http://HOST:PORT, or https://HOST where it is behind TLS"
            )));
        }
        #[cfg(not(feature = "pulsar"))]
        if is_tls {
            return Err(Error::Usage(format!("{base}: {}", tls::LACKING)));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("timeline/", env!("CARGO_PKG_VERSION")));
        let config = trusting(config, ca.filter(|_| is_tls))?;
        Ok(ProcessorClient { agent: config.new_agent(), base, token: None })
    }

    /// The same client, showing a token with every request.
    pub(crate) fn showing(self, token: Option<BearerToken>) -> Self {
        ProcessorClient { token, ..self }
    }

    /// How the processor is: partitions with their progress.
    pub(crate) fn status(&self) -> Result<serde_json::Value> {
        json(self.get("/v1/status", &[], Some(CONNECT))?)
    }

    /// The deployments that are catching up.
    pub(crate) fn deployments(&self) -> Result<DeploymentStatus> {
        json(self.get("/v1/status", &[], Some(CONNECT))?)
    }

    /// The answer to a question in SQL.
    pub(crate) fn query(&self, sql: &str, wait: WaitFor) -> Result<ArrivingRows> {
        let body = QueryRequest { sql, sync: wait.sync, timeout_s: wait.timeout.as_secs_f64() };
        ArrivingRows::of(self.post("/v1/query", &body, Some(wait.timeout))?)
    }

    /// What runs, and at what cost.
    pub(crate) fn queries(&self, page: Page) -> Result<ArrivingRows> {
        let [limit, offset] = [page.limit, page.offset].map(|n| n.to_string());
        let mut query = vec![];
        query.extend((page.limit != Page::ALL.limit).then_some(("limit", limit.as_str())));
        query.extend((page.offset != 0).then_some(("offset", offset.as_str())));
        ArrivingRows::of(self.get("/v1/queries", &query, Some(CONNECT))?)
    }

    /// The sessions or groups far from the rest, farthest first.
    pub(crate) fn outliers(&self, name: &str, page: Page, wait: WaitFor) -> Result<ArrivingRows> {
        let [top, offset] = [page.limit, page.offset].map(|n| n.to_string());
        let mut query = vec![("name", name), ("top", top.as_str())];
        query.extend((page.offset != 0).then_some(("offset", offset.as_str())));
        wait.say(&mut query);
        ArrivingRows::of(self.get("/v1/outliers", &query, Some(wait.timeout))?)
    }

    /// The sessions of a key, with every timeline of the query, or of all queries.
    pub(crate) fn session(
        &self,
        key: &str,
        at_ns: Option<i64>,
        query_name: Option<&str>,
        wait: WaitFor,
    ) -> Result<(SessionReply, Vec<ReplyPosition>)> {
        let at = at_ns.map(|t| t.to_string());
        let mut query = vec![("key", key)];
        query.extend(at.as_deref().map(|t| ("at", t)));
        query.extend(query_name.map(|q| ("query", q)));
        wait.say(&mut query);
        let response = self.get("/v1/session", &query, Some(wait.timeout))?;
        let positions = positions(&response)?;
        Ok((json(response)?, positions))
    }

    /// Adds or changes queries, or says what that would do.
    pub(crate) fn deploy(&self, request: &DeployRequest) -> Result<DeployReply> {
        json(self.post("/v1/deploy", request, Some(DEPLOY))?)
    }

    /// Removes a metric or an alert.
    pub(crate) fn drop(&self, name: &str) -> Result<DropReply> {
        let path = format!("/v1/queries/{}", escaped(name));
        json(self.checked(self.signed(self.agent.delete(self.base.clone() + &path)).call())?)
    }

    /// Answers as they change: of a name (`name`) or a question (`sql`).
    pub(crate) fn watch(&self, parameter: &str, value: &str) -> Result<AnswerWatch> {
        let response = self.get("/v1/watch", &[(parameter, value)], None)?;
        Ok(AnswerWatch::new(response.into_body().into_reader()))
    }

    fn get(&self, path: &str, query: &[(&str, &str)], limit: Option<Duration>) -> Result<Response<Body>> {
        let request = self.signed(self.agent.get(self.base.clone() + path)).query_pairs(query.iter().copied());
        let timeout = limit.map(|t| t.saturating_add(GRACE));
        self.checked(request.config().timeout_recv_response(timeout).build().call())
    }

    fn post(&self, path: &str, body: &impl Serialize, limit: Option<Duration>) -> Result<Response<Body>> {
        let body = serde_json::to_vec(body).expect("requests are plain records");
        let timeout = limit.map(|t| t.saturating_add(GRACE));
        let request = self.signed(self.agent.post(self.base.clone() + path)).content_type("application/json");
        self.checked(request.config().timeout_recv_response(timeout).build().send(&body[..]))
    }

    fn signed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        // A page in a browser cannot send it, which is what it says.
        let request = request.header("timeline-client", "1");
        match &self.token {
            Some(token) => request.header("authorization", token.header()),
            None => request,
        }
    }

    /// What to do about a processor that cannot be reached, by what the connection says.
    fn help(&self, why: &str) -> &'static str {
        let is_tls = self.base.starts_with("https://");
        if why.contains("certificate") {
            tls::HELP
        } else if is_tls && (why.contains("InvalidContentType") || why.contains("corrupt message")) {
            "it does not speak TLS: write http://"
        } else if !is_tls && why.contains("protocol") {
            "it may speak TLS: write https://"
        } else {
            "is `timeline serve` running there? --server or TIMELINE_SERVER names another"
        }
    }

    fn checked(&self, response: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        match response {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(reply::refusal(response)),
            Err(ureq::Error::BadUri(e)) => Err(Error::Usage(format!("`{}` is not an address: {e}", self.base))),
            Err(ureq::Error::Timeout(_)) => Err(Error::Unreachable(format!("{} did not answer in time", self.base))),
            Err(e) => Err(Error::Unreachable(format!(
                "cannot reach a processor at {}: {e}\n  help: {}",
                self.base,
                self.help(&e.to_string())
            ))),
        }
    }
}

impl WaitFor {
    /// Says in the query's parameters what the server must know of it.
    fn say(self, query: &mut Vec<(&str, &str)>) {
        if self.sync {
            query.push(("sync", "true"));
        }
    }
}

fn positions(response: &Response<Body>) -> Result<Vec<ReplyPosition>> {
    header(response, "timeline-positions")
}

/// The JSON of a header; nothing where there is none.
fn header<T: serde::de::DeserializeOwned + Default>(response: &Response<Body>, name: &str) -> Result<T> {
    match response.headers().get(name) {
        None => Ok(T::default()),
        Some(header) => serde_json::from_slice(header.as_bytes())
            .map_err(|e| Error::Other(anyhow::anyhow!("the server's {name} cannot be read: {e}"))),
    }
}

fn json<T: serde::de::DeserializeOwned>(response: Response<Body>) -> Result<T> {
    let bytes = response
        .into_body()
        .into_with_config()
        .limit(MOST_BYTES)
        .read_to_vec()
        .map_err(|e| Error::Unreachable(format!("the answer broke off: {e}")))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Error::Other(anyhow::anyhow!("the server's answer cannot be read (another version?): {e}")))
}

/// A name as one segment of a path.
fn escaped(name: &str) -> String {
    let mut path = String::new();
    for &b in name.as_bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.') {
            path.push(char::from(b));
        } else {
            path.push_str(&format!("%{b:02X}"));
        }
    }
    path
}

#[cfg(test)]
mod tests;
