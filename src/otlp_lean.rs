//! Collectors of a build without OpenTelemetry.

use crate::error::{Error, Result};
use processor::traced::Follows;
use std::path::Path;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Nothing that requests could follow.
pub(crate) const FOLLOWS: Option<Follows> = None;

/// No collector.
#[derive(Debug)]
pub(crate) enum Collector {}

impl Collector {
    /// Refuses what cannot be had.
    pub(crate) fn new(url: &str, _: Option<&Path>) -> Result<Collector> {
        Err(Error::Usage(format!("--otlp {url}: this build tells no collector (built without the `otlp` feature)")))
    }

    pub(crate) fn layers(&self, _: EnvFilter) -> Vec<Box<dyn Layer<Registry> + Send + Sync>> {
        match *self {}
    }

    pub(crate) fn end(&self) {
        match *self {}
    }
}
