//! The wires of a build without them.

use crate::error::{Error, Result};
use crate::settings::SettingsFile;
use processor::engine::Engine;
use processor::server::Shared;
use processor::tokens::TokenStore;
use std::path::PathBuf;
use std::sync::Arc;

/// Where tools can ask: nowhere.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Wires {
    /// Where tools for PostgreSQL could ask; this build has no such wire.
    #[arg(long, env = "TIMELINE_LISTEN_PG", value_name = "ADDR", hide = true)]
    listen_pg: Option<String>,
    /// Where drivers of Arrow Flight SQL could ask; likewise.
    #[arg(long, env = "TIMELINE_LISTEN_FLIGHT", value_name = "ADDR", hide = true)]
    listen_flight: Option<String>,
    /// A certificate to speak TLS with; likewise.
    #[arg(long, env = "TIMELINE_TLS_CERT", value_name = "FILE", hide = true)]
    tls_cert: Option<PathBuf>,
    /// Its key; likewise.
    #[arg(long, env = "TIMELINE_TLS_KEY", value_name = "FILE", hide = true)]
    tls_key: Option<PathBuf>,
}

/// No listener.
pub(super) enum Listening {}

/// No server.
pub(super) enum Tools {}

impl Wires {
    /// Refuses what cannot be had, whether a flag, a variable or `timeline.toml` asks for it.
    pub(super) fn listen(&self, _: Option<&TokenStore>, settings: &SettingsFile) -> Result<Option<Listening>> {
        let wires = [
            ("pg", "PostgreSQL", "postgres", self.listen_pg.as_ref().or(settings.listen_pg.as_ref())),
            ("flight", "Arrow Flight", "flight", self.listen_flight.as_ref().or(settings.listen_flight.as_ref())),
        ];
        for (flag, wire, feature, place) in wires {
            if let Some(place) = place {
                return Err(Error::Usage(format!(
                    "--listen-{flag} {place}: this build has no wire of {wire} (built without the `{feature}` feature)"
                )));
            }
        }
        let files = [
            ("cert", self.tls_cert.as_ref().or(settings.tls_cert.as_ref())),
            ("key", self.tls_key.as_ref().or(settings.tls_key.as_ref())),
        ];
        for (flag, file) in files {
            if let Some(file) = file {
                return Err(Error::Usage(format!(
                    "--tls-{flag} {}: this build speaks no TLS (built without the `postgres` feature)",
                    file.display()
                )));
            }
        }
        Ok(None)
    }
}

impl Listening {
    pub(super) fn serve(self, _: &Arc<dyn Engine>, _: &Shared) -> Result<Tools> {
        match self {}
    }
}

impl Tools {
    pub(super) fn urls(&self) -> std::iter::Empty<&str> {
        match *self {}
    }

    pub(super) fn end(self) {
        match self {}
    }
}
