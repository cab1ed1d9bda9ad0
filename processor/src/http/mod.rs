//! The processor over HTTP: questions, deployments, live answers, metrics and a page to look at.
//!
//! The server has a runtime and threads of its own and reaches the processor only through [`Engine`], always on a
//! blocking thread, so that no question can hold up the lanes. **Invariant:** everything a client can make the server
//! hold is bounded by [`Options`]: connections, questions at work, bytes of a request, rows of a watched answer, and
//! the time a question may take, as well as that of every phase of a request. A question ends when its client is gone.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | JSON: [`Engine::status`] |
//! | `POST /v1/query` `{"sql", "sync", "timeout_s"}` | rows |
//! | `GET /v1/session?key=&at=NS&query=&sync=&timeout_s=` | JSON: [`Engine::session`] |
//! | `GET /v1/outliers?name=&top=&offset=&sync=&timeout_s=` | rows of a list |
//! | `GET /v1/queries?limit=&offset=` | rows of a list |
//! | `POST /v1/deploy` `{"programs": [{"name", "text"}], "plan", "from"}` | JSON: [`Engine::deploy`] |
//! | `DELETE /v1/queries/{name}` | JSON: [`Engine::drop_query`] |
//! | `GET /v1/watch?name=` or `?sql=`, `&interval_ms=` | server-sent events, each a whole answer as JSON rows |
//! | `POST /v1/peer/answers`, `GET /v1/peer/programs` | for the other processors of the same state |
//! | `GET /healthz`, `/metrics`, `/`, `/openapi.json` | `ok`; Prometheus text; a page; this in OpenAPI |
//!
//! Rows are a stream of Arrow IPC, or JSON (an array, or `application/x-ndjson`, a line each) or CSV where `accept` asks
//! for it, with the names and the spelling of `timeline query --format`; the header `timeline-positions` says what they are
//! true for, as JSON in ASCII, and `timeline-rows` how much of a list they are. An answer that fails after its first rows
//! breaks off in the midst of a chunk. Errors are JSON `{"code", "message", "rendered"?}`.
//!
//! Where [`Shared::tokens`] are set, every request but those of `/healthz`, the page and the description must show
//! one, and what changes something one of a deployer. A listener on loopback answers only requests that name it by an
//! address or as `localhost`, so that a web page elsewhere cannot reach it under a name of its own; what a browser sends
//! for a page of another site is refused, requests that change something need a content type or a method that browsers
//! send across sites only after asking, which is never granted, and `/v1/watch?sql=` needs the header `timeline-client`.

mod answer;
mod connection;
mod error;
mod groups;
mod json;
mod metrics;
mod openapi;
mod routes;
mod rows;
mod site;
mod token;
mod watch;

#[cfg(feature = "flight")]
pub(crate) use answer::{NOTES, POSITIONS, ascii};

use crate::connection::ConnectionBounds;
use crate::engine::{Engine, EngineError};
use crate::server::{Closing, Server, Setup, Shared};
use crate::traced::Follows;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Span;

/// Every request that a server answers, as method and path: `docs/http.md` and `openapi.json` describe each.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    routes::all().into_iter().map(|(method, path, _)| (method, path)).collect()
}

/// The bounds of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections at a time. Where another one comes, the one goes that waits longest for its client; where all are at
    /// work, it gets one of the reserved places.
    pub connections_max: usize,
    /// Connections of one client (an address) at a time, likewise.
    pub connections_per_client_max: usize,
    /// Places beside these, in which `/healthz` is answered and all else is told to ask again.
    pub reserved_max: usize,
    /// How long anything may take in a reserved place.
    pub reserved_time_max: Duration,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// How long a request's head may take to arrive.
    pub header_time_max: Duration,
    /// How long its body may.
    pub body_time_max: Duration,
    /// How long a connection may be idle between an answer and the next request.
    pub idle_time_max: Duration,
    /// How long a client may take nothing of what is written to it.
    pub write_time_max: Duration,
    /// How long one answer may take to be read to its end.
    pub answer_time_max: Duration,
    /// Rows of one watched answer.
    pub watch_rows_max: usize,
    /// How long answers being read may go on after the end of the server was asked for.
    pub drain_time_max: Duration,
    /// What the other servers of the process have alike; requests must show one of its tokens, where there are any.
    pub shared: Shared,
    /// What makes the span of a request follow the trace that its client is in, where requests are traced.
    pub follows: Option<Follows>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            connections_max: 256,
            connections_per_client_max: 192,
            reserved_max: 16,
            reserved_time_max: Duration::from_secs(2),
            body_bytes_max: 4 << 20,
            header_time_max: Duration::from_secs(10),
            body_time_max: Duration::from_secs(60),
            idle_time_max: Duration::from_secs(60),
            write_time_max: Duration::from_secs(30),
            answer_time_max: Duration::from_secs(600),
            watch_rows_max: 10_000,
            drain_time_max: Duration::from_secs(3),
            shared: Shared::default(),
            follows: None,
        }
    }
}

impl Options {
    /// The bounds of its connections.
    fn bounds(&self) -> ConnectionBounds {
        ConnectionBounds {
            connections_max: self.connections_max,
            connections_per_client_max: self.connections_per_client_max,
            reserved_max: self.reserved_max,
            reserved_time_max: self.reserved_time_max,
            head_time_max: self.header_time_max,
            body_time_max: self.body_time_max,
            idle_time_max: self.idle_time_max,
            write_time_max: self.write_time_max,
        }
    }
}

/// Serves `engine` on `listener` until `shutdown` is ready; then takes no more, ends live answers, lets the others end
/// for a while and breaks off what remains.
///
/// # Errors
/// When the listener, the runtime or its thread cannot be set up.
pub fn serve(
    listener: TcpListener,
    engine: Arc<dyn Engine>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Server> {
    let is_local = listener.local_addr()?.ip().is_loopback();
    // Two threads at least, so that one long computation does not keep everybody else waiting.
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8));
    let (bounds, drain_time_max) = (options.bounds(), options.drain_time_max);
    Setup { name: "http", threads, bounds, drain_time_max }.serve(listener, shutdown, move |closing| {
        let app = HttpApp { engine, options: Arc::new(options), closing, is_local };
        let router = routes::router(app.clone());
        move |stream, place| connection::serve(stream, place, router.clone(), app.clone())
    })
}

/// What every request needs.
#[derive(Clone)]
struct HttpApp {
    engine: Arc<dyn Engine>,
    options: Arc<Options>,
    closing: Closing,
    /// Whether it listens on loopback.
    is_local: bool,
}

impl HttpApp {
    /// The right to be at work on one question.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        self.options.shared.turns.take().await
    }

    /// Asks the engine, when it is this question's turn. The turn lasts as long as the engine is at it, even if the
    /// asker is gone.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Engine) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let turn = self.turn().await?;
        self.ask_now(move |engine| {
            let _turn = turn;
            question(engine)
        })
        .await
    }

    /// Asks the engine, whoever else does.
    async fn ask_now<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Engine) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (engine, span) = (self.engine.clone(), Span::current());
        let answer = tokio::task::spawn_blocking(move || span.in_scope(|| question(&*engine))).await;
        answer.unwrap_or_else(|_| Err(EngineError::Internal("the processor failed at this question".into())))
    }
}

#[cfg(test)]
mod tests;
