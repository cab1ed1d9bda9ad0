//! `timeline demo`: everything on this machine, with nothing else installed.

use crate::error::{Error, Result};
use crate::settings::Settings;

/// See it work: a million events through the durable processor, killed and resumed half way, and the answers.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  timeline demo")]
pub(crate) struct Args {
    /// How many events.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub(crate) events: u64,
    /// Other seeds make other sessions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Draw with ASCII characters only.
    #[arg(long)]
    pub(crate) ascii: bool,
}

pub(super) fn run(_: &Args, _: &Settings) -> Result<()> {
    Err(Error::Other(anyhow::anyhow!("this build has no demonstration")))
}
