//! Connections of clients, whatever they speak: who has a place, how long each phase may take, and a socket that tells
//! how it gets on.
//!
//! **Invariant:** a connection that asks nothing costs nobody else an answer. Where places run out, for all or for one
//! client, the connection goes that has waited longest for its client; where all are at work, further ones get a few
//! places of their own, in which no more is done than the server says ([`PlaceClass::Reserved`]).

mod place;
mod places;
mod socket;

pub(crate) use place::{ConnectionPhase, ConnectionSlot, PlaceClass};
pub(crate) use places::Places;
pub(crate) use socket::Socket;

use std::time::Duration;

/// How long after the limit of a body its connection ends: time to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the connections of a server may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionBounds {
    /// Connections at a time.
    pub(crate) connections_max: usize,
    /// Of one client.
    pub(crate) connections_per_client_max: usize,
    /// Places beside these.
    pub(crate) reserved_max: usize,
    /// How long anything may take in one of them.
    pub(crate) reserved_time_max: Duration,
    /// How long the head of a request may take to arrive.
    pub(crate) head_time_max: Duration,
    /// How long the rest of it may.
    pub(crate) body_time_max: Duration,
    /// How long a connection may be idle.
    pub(crate) idle_time_max: Duration,
    /// How long a client may take nothing of what is written to it.
    pub(crate) write_time_max: Duration,
}
