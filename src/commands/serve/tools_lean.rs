//! The wires of a build without them.

use crate::error::{Error, Result};
use crate::settings::Settings;
use processor::engine::Engine;
use processor::http::Token;
use processor::questions::Turns;
use processor::sql::Answerer;
use std::sync::Arc;

/// Where tools can ask: nowhere.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Wires {
    /// Where tools for PostgreSQL could ask; this build has no such wire.
    #[arg(long, value_name = "ADDR", hide = true)]
    listen_pg: Option<String>,
}

/// No listener.
pub(super) enum Listening {}

/// No server.
pub(super) enum Tools {}

impl Wires {
    /// Refuses what cannot be had.
    pub(super) fn listen(&self, _: Option<&Token>, _: &Settings) -> Result<Option<Listening>> {
        match &self.listen_pg {
            None => Ok(None),
            Some(place) => Err(Error::Usage(format!(
                "--listen-pg {place}: this build has no wire of PostgreSQL (built without the `postgres` feature)"
            ))),
        }
    }
}

impl Listening {
    pub(super) fn serve(self, _: Arc<dyn Engine>, _: Turns, _: Answerer) -> Result<Tools> {
        match self {}
    }
}

impl Tools {
    pub(super) fn url(&self) -> String {
        match *self {}
    }

    pub(super) fn end(self) {
        match self {}
    }
}
