//! What the server says, as JSON.
//!
//! Values keep the text that they had on the wire (`RawValue`): a duration is exact there and stays so.

use crate::error::Error;
use serde::Deserialize;
use serde_json::value::RawValue;
use ureq::Body;
use ureq::http::{Response, StatusCode};

/// What an answer is true for, in one partition.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct ReplyPosition {
    /// Its source.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// The partition's name.
    pub(crate) partition: serde_json::Value,
    /// The place in its log.
    pub(crate) position: serde_json::Value,
    /// Its watermark; none before the first event.
    pub(crate) watermark_ns: Option<i64>,
    /// Sessions that may have begun before anything was seen of them.
    #[serde(default)]
    pub(crate) partial_sessions: u64,
    /// Nobody works on it now.
    #[serde(default)]
    pub(crate) unowned: bool,
    /// What its log lost before it was read.
    #[serde(default)]
    pub(crate) gaps: Vec<String>,
    /// What the answer is without, since it was broken and given up.
    #[serde(default)]
    pub(crate) lost: Vec<String>,
}

/// Why an answer may not be the one that is meant.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct ReplyNote {
    pub(crate) message: String,
    pub(crate) help: String,
}

/// All sessions of a key.
#[derive(Debug, Deserialize)]
pub(crate) struct SessionReply {
    pub(crate) key: String,
    pub(crate) sessions: Vec<ReplySession>,
    /// Why it may not be what is meant.
    #[serde(default)]
    pub(crate) notes: Vec<ReplyNote>,
}

/// One session.
#[derive(Debug, Deserialize)]
pub(crate) struct ReplySession {
    pub(crate) start_ns: i64,
    /// None while it is open.
    pub(crate) end_ns: Option<i64>,
    pub(crate) closed: bool,
    /// Whether it may have begun before anything was seen of it.
    #[serde(default)]
    pub(crate) partial: bool,
    /// Through when an open session is shown; the last that is told of it if the server does not say.
    #[serde(default)]
    pub(crate) horizon_ns: Option<i64>,
    /// Windows of the clock that are not among the rows, before those that are.
    #[serde(default)]
    pub(crate) windows_left_out: usize,
    pub(crate) rows: Vec<SessionRow>,
    #[serde(default)]
    pub(crate) events: Vec<SessionEvent>,
}

/// One timeline.
#[derive(Debug, Deserialize)]
pub(crate) struct SessionRow {
    pub(crate) label: String,
    /// As programs name kinds: `event<T>`, `state<T>`, or a number's.
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) spans: Vec<ReplySpan>,
    /// Its value at the end of the session or at the horizon, where spans do not tell it.
    #[serde(default)]
    pub(crate) last: Option<Box<RawValue>>,
    /// Its value at the instant that was asked for.
    #[serde(default)]
    pub(crate) at: Option<ValueAt>,
}

/// One span.
#[derive(Debug, Deserialize)]
pub(crate) struct ReplySpan {
    pub(crate) start_ns: i64,
    pub(crate) end_ns: Option<i64>,
    /// None where it is absent.
    pub(crate) value: Option<Box<RawValue>>,
    /// Change per second.
    #[serde(default)]
    pub(crate) slope: Option<f64>,
}

/// A value at an instant, and why it is so.
#[derive(Debug, Deserialize)]
pub(crate) struct ValueAt {
    pub(crate) value: Option<Box<RawValue>>,
    /// Where its span begins; may be later than the event that caused it, by a timer.
    #[serde(default)]
    pub(crate) since_ns: Option<i64>,
    pub(crate) cause: Option<Cause>,
}

/// The event, or timer, since which a value is what it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Cause {
    pub(crate) time_ns: i64,
    #[serde(default)]
    pub(crate) position: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) record: Option<Box<RawValue>>,
    /// The operator whose timer made the change, if one did: the event had set it.
    #[serde(default)]
    pub(crate) timer: Option<String>,
}

/// An event of the session.
#[derive(Debug, Deserialize)]
pub(crate) struct SessionEvent {
    pub(crate) time_ns: i64,
    pub(crate) text: String,
}

/// What a deployment does or did.
#[derive(Debug, Deserialize)]
pub(crate) struct DeployReply {
    /// One for each worker.
    #[serde(default)]
    pub(crate) nodes: Vec<DeployedNode>,
    /// Names of metrics and alerts that are new.
    #[serde(default)]
    pub(crate) added: Vec<String>,
    /// Names whose definition is another one now.
    #[serde(default)]
    pub(crate) changed: Vec<String>,
    /// Names that were there already, defined alike.
    #[serde(default)]
    pub(crate) unchanged: Vec<String>,
    /// What becomes of each name that the programs define.
    #[serde(default)]
    pub(crate) names: Vec<DeployedName>,
    /// The number of the deployment, if it has yet to read what is answered from now.
    #[serde(default)]
    pub(crate) catching_up: Option<u32>,
    /// What to know of the sessions of queries that begin now.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    /// Addresses of processors that share the state and do not run it yet.
    #[serde(default)]
    pub(crate) not_yet: Vec<String>,
}

/// What came of removing a query.
#[derive(Debug, Deserialize)]
pub(crate) struct DropReply {
    /// What stays of it.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    /// As [`DeployReply::not_yet`].
    #[serde(default)]
    pub(crate) not_yet: Vec<String>,
}

/// What becomes of one name.
#[derive(Debug, Deserialize)]
pub(crate) struct DeployedName {
    pub(crate) name: String,
    /// `new`, `replaced` or `unchanged`.
    pub(crate) what: String,
    /// The version of the definition that is replaced.
    #[serde(default)]
    pub(crate) from_version: Option<u32>,
    /// The version of its definition from now on.
    pub(crate) version: u32,
    /// `start` or `now`, for one that begins.
    #[serde(default)]
    pub(crate) begins: Option<String>,
}

/// How a processor is, as far as deployments go.
#[derive(Debug, Deserialize)]
pub(crate) struct DeploymentStatus {
    /// The deployments that are catching up.
    #[serde(default)]
    pub(crate) catching_up: Vec<CatchUpReply>,
}

/// A deployment that is catching up.
#[derive(Debug, Deserialize)]
pub(crate) struct CatchUpReply {
    pub(crate) deployment: u32,
    /// How much it has read of what those that answer have read, as far as this processor knows.
    #[serde(default)]
    pub(crate) per_cent: Option<u64>,
    /// Why it cannot go on now.
    #[serde(default)]
    pub(crate) trouble: Option<String>,
}

/// What becomes of one worker.
#[derive(Debug, Deserialize)]
pub(crate) struct DeployedNode {
    /// The plan that it is of.
    #[serde(default)]
    pub(crate) source: String,
    pub(crate) id: serde_json::Value,
    pub(crate) operator: String,
    /// `keep`, `rebuild`, or `begin` where the log is read from now on.
    pub(crate) action: String,
}

/// What the server says where it refuses.
#[derive(Debug, Default, Deserialize)]
struct ServerProblem {
    /// The status, where it is too late to be the response's.
    #[serde(default)]
    status: u16,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    /// Diagnostics of programs as people read them.
    #[serde(default)]
    rendered: Option<String>,
}

/// The contract's error for a status that is no success.
pub(super) fn refusal(response: Response<Body>) -> Error {
    let status = response.status();
    let body = response.into_body().read_to_string().unwrap_or_default();
    let problem = serde_json::from_str(&body)
        .unwrap_or_else(|_| ServerProblem { message: body.trim().to_owned(), ..ServerProblem::default() });
    error(status, problem)
}

/// The contract's error for what the server says behind the rows of an answer that broke off; none if it says nothing.
pub(super) fn broken_off(text: &[u8]) -> Option<Error> {
    let problem: ServerProblem = serde_json::from_slice(text).ok()?;
    let status = StatusCode::from_u16(problem.status).ok()?;
    let message = format!("the answer broke off: {}", problem.message);
    Some(error(status, ServerProblem { message, ..problem }))
}

fn error(status: StatusCode, problem: ServerProblem) -> Error {
    let code = if problem.code.is_empty() { String::new() } else { format!("[{}]", problem.code) };
    let message = if problem.message.is_empty() { status.to_string() } else { problem.message };
    match (status, problem.rendered) {
        (_, Some(rendered)) => Error::Program(rendered),
        (StatusCode::CONFLICT, None) => Error::Program(format!("error{code}: {message}")),
        (StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, None) => {
            Error::Usage(format!("{code} {message}").trim().into())
        }
        (StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT, None) => {
            Error::Unreachable(format!("{code} {message}").trim().into())
        }
        _ => Error::Other(anyhow::anyhow!("the server failed ({status}){code}: {message}")),
    }
}
