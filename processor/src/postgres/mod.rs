//! The processor over the wire of PostgreSQL, for every tool that speaks it: the same questions, tables, limits and
//! errors as over HTTP.
//!
//! Version 3 of the protocol, simple and extended, with parameters, cursors, values as text and in binary, cancellation
//! and TLS. The token is the password, of any user. Each statement is a question with a snapshot of its own, worked at by
//! a process ([`crate::sql`]); a connection only cuts texts into statements and answers what tools send about
//! transactions and settings ([`command`]).
//!
//! **Invariant:** everything that a client can make the server hold is bounded by [`Options`]; a question ends when its
//! client is gone, and rows that nobody fetches are given up.
//!
//! The protocol is written here though libraries exist (`pgwire` and, for values, `arrow-pg`): their loop does not listen
//! to a client while its question is at work, and their decimals have 96 bits, where ours have 127.

mod asking;
mod cancel;
mod command;
mod copy;
mod error;
mod link;
mod message;
mod numeric;
mod parameter;
mod reply;
mod session;
mod settings;
mod start;
mod value;

use crate::connection::ConnectionBounds;
use crate::engine::Engine;
use crate::server::{Closing, Server, Setup, Shared};
use cancel::CancelKeys;
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
    /// Bytes of a message: a statement, or its values.
    pub message_bytes_max: usize,
    /// How long a connection may take to begin.
    pub start_time_max: Duration,
    /// How long the rest of a batch of messages may.
    pub batch_time_max: Duration,
    /// How long a client may take nothing of what is written to it.
    pub write_time_max: Duration,
    /// How long one answer may take to be read to its end.
    pub answer_time_max: Duration,
    /// How long the rows of a cursor wait to be fetched.
    pub cursor_time_max: Duration,
    /// How long answers may go on after the end of the server was asked for.
    pub drain_time_max: Duration,
    /// What the other servers of the process have alike; clients show one of its tokens as their password, where there are any.
    pub shared: Shared,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            connections_max: 100,
            connections_per_client_max: 80,
            message_bytes_max: 4 << 20,
            start_time_max: Duration::from_secs(10),
            batch_time_max: Duration::from_secs(60),
            write_time_max: Duration::from_secs(30),
            answer_time_max: Duration::from_secs(600),
            cursor_time_max: Duration::from_secs(60),
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
            // In which is said that there is no other, and questions are cancelled.
            reserved_max: 16,
            reserved_time_max: Duration::from_secs(2),
            head_time_max: self.start_time_max,
            body_time_max: self.batch_time_max,
            // Pools of connections keep them for hours; where room is needed, they go.
            idle_time_max: Duration::MAX,
            write_time_max: self.write_time_max,
        }
    }
}

/// What every connection needs.
#[derive(Clone)]
struct PostgresApp {
    engine: Arc<dyn Engine>,
    options: Arc<Options>,
    keys: Arc<CancelKeys>,
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
    let (bounds, drain_time_max) = (options.bounds(), options.drain_time_max);
    Setup { name: "postgres", threads: 2, bounds, drain_time_max }.serve(listener, shutdown, move |closing| {
        let app = PostgresApp { engine, options: Arc::new(options), keys: Arc::default(), closing };
        move |stream, place| start::serve(stream, place, app.clone())
    })
}

#[cfg(test)]
mod tests;
