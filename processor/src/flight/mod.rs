//! The processor over Arrow Flight SQL, for every driver of ADBC and JDBC that speaks it: the same questions, tables,
//! limits and errors as over HTTP, with rows as batches of Arrow.
//!
//! Nothing is kept between two calls: a ticket, and the handle of a prepared statement, carry the statement and its
//! values ([`ticket`]). Each statement is a question with a snapshot of its own, worked at by a process
//! ([`crate::sql`]). The token is shown as `authorization: Bearer TOKEN`, or as the password of any user.
//!
//! **Invariant:** everything that a client can make the server hold is bounded by [`Options`]; a question ends when its
//! call is over, whoever ends it, and rows that nobody takes are given up.
//! **Invariant:** no call is answered before its token was looked at ([`token`]): that is done for all of them in one place.
//!
//! Messages and their dispatch are those of `arrow-flight` and `tonic`; connections, TLS and their limits are ours, as for
//! the other wires, for tonic's own server bounds neither the time that a call's message takes to come nor who has a place.

mod asking;
mod body;
mod cancel;
mod connection;
mod metadata;
mod parameter;
mod service;
mod status;
mod ticket;
mod token;

use crate::connection::ConnectionBounds;
use crate::engine::Engine;
use crate::server::{Closing, Server, Setup, Shared};
use cancel::RunningQuestions;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// The bounds of a server.
#[derive(Clone)]
pub struct Options {
    /// Connections at a time. Where another one comes, the one goes that waits longest for its client.
    pub connections_max: usize,
    /// Connections of one client (an address) at a time, likewise.
    pub connections_per_client_max: usize,
    /// Calls of one connection at a time.
    pub calls_max: u32,
    /// Bytes of a message of a client: a statement, or its values.
    pub message_bytes_max: usize,
    /// How long a connection may take to begin.
    pub start_time_max: Duration,
    /// How long the messages of a call may take to come.
    pub request_time_max: Duration,
    /// How long a client may take nothing of what is written to it.
    pub write_time_max: Duration,
    /// How long the first rows of a question may take, where the call says nothing else.
    pub question_time: Duration,
    /// How long one answer may take to be read to its end.
    pub answer_time_max: Duration,
    /// How long rows wait to be taken.
    pub rows_time_max: Duration,
    /// How long answers may go on after the end of the server was asked for.
    pub drain_time_max: Duration,
    /// What the other servers of the process have alike.
    pub shared: Shared,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            connections_max: 100,
            connections_per_client_max: 80,
            calls_max: 64,
            message_bytes_max: 4 << 20,
            start_time_max: Duration::from_secs(10),
            request_time_max: Duration::from_secs(60),
            write_time_max: Duration::from_secs(30),
            question_time: Duration::from_secs(60),
            answer_time_max: Duration::from_secs(600),
            rows_time_max: Duration::from_secs(60),
            drain_time_max: Duration::from_secs(3),
            shared: Shared::default(),
        }
    }
}

impl Options {
    /// The bounds of its connections.
    fn bounds(&self) -> ConnectionBounds {
        ConnectionBounds {
            connections_max: self.connections_max,
            connections_per_client_max: self.connections_per_client_max,
            // In which is said that there is no other.
            reserved_max: 16,
            reserved_time_max: Duration::from_secs(2),
            head_time_max: self.start_time_max,
            // Each call has that limit of its own.
            body_time_max: Duration::MAX,
            // Clients keep connections for hours; where room is needed, they go.
            idle_time_max: Duration::MAX,
            write_time_max: self.write_time_max,
        }
    }
}

/// What every call needs.
#[derive(Clone)]
struct FlightApp {
    engine: Arc<dyn Engine>,
    options: Arc<Options>,
    running: Arc<RunningQuestions>,
    closing: Closing,
}

/// Serves `engine` on `listener` until `shutdown` is ready.
///
/// # Errors
/// When the listener, the runtime or its thread cannot be set up.
pub fn serve(
    listener: TcpListener,
    engine: Arc<dyn Engine>,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Server> {
    let tls = options.shared.tls.as_ref().map(|tls| tls.speaking(b"h2"));
    let options = Arc::new(Options { shared: Shared { tls, ..options.shared }, ..options });
    let (bounds, drain_time_max) = (options.bounds(), options.drain_time_max);
    Setup { name: "flight", threads: 2, bounds, drain_time_max }.serve(listener, shutdown, move |closing| {
        let app = FlightApp { engine, options, running: Arc::default(), closing };
        move |stream, place| connection::serve(stream, place, app.clone())
    })
}

#[cfg(test)]
mod tests;
