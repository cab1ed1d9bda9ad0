//! The wires that other people's tools speak.

use crate::error::{Error, Result};
use crate::settings::Settings;
use processor::engine::Engine;
use processor::http::Token;
use processor::postgres::{self, Tls};
use processor::questions::Turns;
use processor::sql::Answerer;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

/// Where tools can ask.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Tools")]
pub(crate) struct Wires {
    /// Where tools for PostgreSQL can ask in SQL: a port of this machine, or HOST:PORT; the token is their password.
    #[arg(long, value_name = "ADDR", env = "TIMELINE_LISTEN_PG")]
    listen_pg: Option<String>,
    /// A file with the certificate (PEM) that the wire of PostgreSQL speaks TLS with.
    #[arg(long, value_name = "FILE", env = "TIMELINE_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// A file with its key (PEM).
    #[arg(long, value_name = "FILE", env = "TIMELINE_TLS_KEY")]
    tls_key: Option<PathBuf>,
}

/// A listener that answers nobody yet.
pub(super) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<Token>,
    tls: Option<Tls>,
}

/// A server at work.
pub(super) struct Tools {
    address: SocketAddr,
    server: postgres::Server,
    close: tokio::sync::oneshot::Sender<()>,
}

impl Wires {
    /// Takes the addresses, before anything else is done.
    pub(super) fn listen(&self, token: Option<&Token>, settings: &Settings) -> Result<Option<Listening>> {
        let Some(given) = self.listen_pg.as_ref().or(settings.listen_pg.as_ref()) else { return Ok(None) };
        // A port alone is one of this machine.
        let place = match given.trim_start_matches(':').parse::<u16>() {
            Ok(port) => format!("127.0.0.1:{port}"),
            Err(_) => given.clone(),
        };
        let files = (
            self.tls_cert.as_ref().or(settings.tls_cert.as_ref()),
            self.tls_key.as_ref().or(settings.tls_key.as_ref()),
        );
        let tls = match files {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let tls = Tls::load(certificate, key);
                Some(tls.map_err(|error| Error::Usage(format!("--tls-cert, --tls-key: {error}")))?)
            }
            _ => return Err(Error::Usage("--tls-cert and --tls-key are given together".into())),
        };
        let listener = TcpListener::bind(&place).map_err(|error| {
            Error::Usage(format!("cannot listen on {place}: {error}; choose another with --listen-pg"))
        })?;
        let address = listener.local_addr().map_err(|error| Error::Other(error.into()))?;
        if !address.ip().is_loopback() && token.is_none() {
            return Err(Error::Usage(format!(
                "--listen-pg {given} is no loopback address: others reach it, so it needs a token that they must show, --token-file FILE"
            )));
        }
        Ok(Some(Listening { listener, address, token: token.cloned(), tls }))
    }
}

impl Listening {
    /// Answers who asks.
    pub(super) fn serve(self, engine: Arc<dyn Engine>, turns: Turns, answerer: Answerer) -> Result<Tools> {
        let Listening { listener, address, token, tls } = self;
        let (close, closed) = tokio::sync::oneshot::channel::<()>();
        let shutdown = async {
            // Ending and being dropped mean the same.
            let _ = closed.await;
        };
        let options = postgres::Options { turns, answerer, token, tls, ..postgres::Options::default() };
        let server = postgres::serve(listener, engine, options, shutdown);
        Ok(Tools { address, server: server.map_err(|error| Error::Other(error.into()))?, close })
    }
}

impl Tools {
    /// Where tools can ask.
    pub(super) fn url(&self) -> String {
        format!("postgresql://{}/timeline", self.address)
    }

    /// Takes no more, and waits a while for those that are answered.
    pub(super) fn end(self) {
        drop(self.close);
        self.server.join();
    }
}
