//! The wires that other people's tools speak.

use crate::error::{Error, Result};
use crate::settings::SettingsFile;
use processor::engine::Engine;
#[cfg(feature = "flight")]
use processor::flight;
use processor::postgres;
use processor::server::{Server, Shared};
use processor::tls::Tls;
use processor::tokens::TokenStore;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where tools can ask.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Tools")]
pub(crate) struct Wires {
    /// Where tools for PostgreSQL can ask in SQL: a port of this machine, or HOST:PORT; the token is their password.
    #[arg(long, value_name = "ADDR", env = "TIMELINE_LISTEN_PG")]
    listen_pg: Option<String>,
    /// Where drivers of Arrow Flight SQL (ADBC, JDBC) can ask, likewise.
    #[arg(long, value_name = "ADDR", env = "TIMELINE_LISTEN_FLIGHT", hide = cfg!(not(feature = "flight")))]
    listen_flight: Option<String>,
    /// A file with the certificate (PEM) that TLS is spoken with, over HTTP and to tools.
    #[arg(long, value_name = "FILE", env = "TIMELINE_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// A file with its key (PEM).
    #[arg(long, value_name = "FILE", env = "TIMELINE_TLS_KEY")]
    tls_key: Option<PathBuf>,
}

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ToolWire {
    Postgres,
    #[cfg(feature = "flight")]
    Flight,
}

/// Listeners that answer nobody yet.
pub(super) struct Listening {
    listeners: Vec<(ToolWire, TcpListener, SocketAddr)>,
}

/// Servers at work.
pub(super) struct Tools {
    servers: Vec<(String, Server, oneshot::Sender<()>)>,
}

impl Wires {
    /// What connections are encrypted with, where anything is.
    pub(super) fn tls(&self, settings: &SettingsFile) -> Result<Option<Tls>> {
        let files = (
            self.tls_cert.as_ref().or(settings.tls_cert.as_ref()),
            self.tls_key.as_ref().or(settings.tls_key.as_ref()),
        );
        match files {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                let tls = Tls::load(certificate, key);
                Ok(Some(tls.map_err(|error| Error::Usage(format!("--tls-cert, --tls-key: {error}")))?))
            }
            _ => Err(Error::Usage("--tls-cert and --tls-key are given together".into())),
        }
    }

    /// Takes the addresses, before anything else is done.
    pub(super) fn listen(&self, tokens: Option<&TokenStore>, settings: &SettingsFile) -> Result<Option<Listening>> {
        let mut listeners = vec![];
        if let Some(given) = self.listen_pg.as_ref().or(settings.listen_pg.as_ref()) {
            let (listener, address) = listener("--listen-pg", given, tokens)?;
            listeners.push((ToolWire::Postgres, listener, address));
        }
        if let Some(given) = self.listen_flight.as_ref().or(settings.listen_flight.as_ref()) {
            #[cfg(not(feature = "flight"))]
            return Err(Error::Usage(format!(
                "--listen-flight {given}: this build has no wire of Arrow Flight (built without the `flight` feature)"
            )));
            #[cfg(feature = "flight")]
            {
                let (listener, address) = listener("--listen-flight", given, tokens)?;
                listeners.push((ToolWire::Flight, listener, address));
            }
        }
        Ok(Some(Listening { listeners }).filter(|listening| !listening.listeners.is_empty()))
    }
}

/// A listener at an address that a flag gives.
fn listener(flag: &str, given: &str, tokens: Option<&TokenStore>) -> Result<(TcpListener, SocketAddr)> {
    // A port alone is one of this machine.
    let place = match given.trim_start_matches(':').parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) => given.to_owned(),
    };
    let listener = TcpListener::bind(&place)
        .map_err(|error| Error::Usage(format!("cannot listen on {place}: {error}; choose another with {flag}")))?;
    let address = listener.local_addr().map_err(|error| Error::Other(error.into()))?;
    if !address.ip().is_loopback() && tokens.is_none() {
        return Err(Error::Usage(format!(
            "{flag} {given} is no loopback address: others reach it, so it needs a token that they must show, --token-file FILE"
        )));
    }
    Ok((listener, address))
}

impl Listening {
    /// Answers who asks.
    pub(super) fn serve(self, engine: &Arc<dyn Engine>, shared: &Shared) -> Result<Tools> {
        let mut servers = vec![];
        for (wire, listener, address) in self.listeners {
            let (close, closed) = oneshot::channel::<()>();
            let shutdown = async {
                // Ending and being dropped mean the same.
                let _ = closed.await;
            };
            let (engine, shared) = (Arc::clone(engine), shared.clone());
            let (url, server): (String, io::Result<Server>) = match wire {
                ToolWire::Postgres => {
                    let options = postgres::Options { shared, ..postgres::Options::default() };
                    let server = postgres::serve(listener, engine, options, shutdown);
                    (format!("postgresql://{address}/timeline"), server)
                }
                #[cfg(feature = "flight")]
                ToolWire::Flight => {
                    let scheme = if shared.tls.is_some() { "grpc+tls" } else { "grpc" };
                    let options = flight::Options { shared, ..flight::Options::default() };
                    let server = flight::serve(listener, engine, options, shutdown);
                    (format!("{scheme}://{address}"), server)
                }
            };
            servers.push((url, server.map_err(|error| Error::Other(error.into()))?, close));
        }
        Ok(Tools { servers })
    }
}

impl Tools {
    /// Where tools can ask.
    pub(super) fn urls(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().map(|(url, ..)| url.as_str())
    }

    /// Takes no more, and waits a while for those that are answered.
    pub(super) fn end(self) {
        let ending: Vec<Server> = self.servers.into_iter().map(|(_, server, _close)| server).collect();
        for server in ending {
            server.join();
        }
    }
}
