//! How a broker is reached, and what is read from it.

use crate::{AcceptGaps, Position};
use std::path::PathBuf;

/// How a broker is reached.
#[derive(Clone, Debug, Default)]
pub struct BrokerSettings {
    /// `pulsar://HOST:PORT` or `pulsar+ssl://HOST:PORT`.
    pub broker: String,
    /// Who we are; nobody in particular if not given.
    pub credentials: Option<Credentials>,
    /// A file of PEM certificates to trust beside the usual ones.
    pub ca: Option<PathBuf>,
}

/// A token (JWT or another that the broker knows).
#[derive(Clone)]
pub enum Credentials {
    /// Itself.
    Token(String),
    /// A file that holds it; read for every connection, so that a token can be renewed.
    File(PathBuf),
}

impl Credentials {
    /// The token as it is now.
    pub(super) fn token(&self) -> Result<String, String> {
        match self {
            Credentials::Token(token) => Ok(token.trim().to_owned()),
            Credentials::File(path) => match std::fs::read_to_string(path) {
                Ok(token) => Ok(token.trim().to_owned()),
                Err(error) => Err(format!("{}: {error}", path.display())),
            },
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credentials::Token(_) => f.write_str("Token(..)"),
            Credentials::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// What is read, as whom, and from where on.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The topic of one partition, as [`Client::partitions`] names it.
    pub topic: String,
    /// The subscription's name. Exclusive: while one reads, others are refused.
    pub name: String,
    /// Everything before it has been read.
    pub after: Position,
    /// The most messages that wait in memory; fewer, where they are large.
    pub queue: u32,
    /// Which missing messages are gone over.
    pub accept: AcceptGaps,
}

impl Subscription {
    /// The most messages that wait in memory unless said otherwise.
    pub const QUEUE: u32 = 10_000;
}
