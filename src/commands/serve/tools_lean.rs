//! The wires of a build without them.

use crate::error::{Error, Result};
use crate::settings::SettingsFile;
use processor::engine::Engine;
use processor::server::Shared;
use processor::tokens::TokenStore;
use std::sync::Arc;

/// Where tools can ask: nowhere.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Wires {
    /// Where tools for PostgreSQL could ask; this build has no such wire.
    #[arg(long, value_name = "ADDR", hide = true)]
    listen_pg: Option<String>,
    /// Where drivers of Arrow Flight SQL could ask; likewise.
    #[arg(long, value_name = "ADDR", hide = true)]
    listen_flight: Option<String>,
}

/// No listener.
pub(super) enum Listening {}

/// No server.
pub(super) enum Tools {}

impl Wires {
    /// Refuses what cannot be had.
    pub(super) fn listen(&self, _: Option<&TokenStore>, _: &SettingsFile) -> Result<Option<Listening>> {
        let asked = [
            ("pg", "PostgreSQL", "postgres", &self.listen_pg),
            ("flight", "Arrow Flight", "flight", &self.listen_flight),
        ];
        match asked.into_iter().find_map(|(flag, wire, feature, place)| Some((flag, wire, feature, place.as_ref()?))) {
            None => Ok(None),
            Some((flag, wire, feature, place)) => Err(Error::Usage(format!(
                "--listen-{flag} {place}: this build has no wire of {wire} (built without the `{feature}` feature)"
            ))),
        }
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
