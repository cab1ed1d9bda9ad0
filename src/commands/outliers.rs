//! `timeline outliers`: what is farthest from the rest.

use super::answer::PositionsFlag;
use crate::args::{FormatFlag, ServerFlag, SyncFlags};
use crate::error::Result;
use crate::settings::Settings;

/// Show the sessions or groups of a metric that are farthest from the rest, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  timeline outliers cirr --top 20")]
pub(crate) struct Args {
    /// The metric.
    #[arg(value_name = "NAME")]
    name: String,
    /// How many rows.
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    #[command(flatten)]
    sync: SyncFlags,
    #[command(flatten)]
    positions: PositionsFlag,
    #[command(flatten)]
    format: FormatFlag,
    #[command(flatten)]
    server: ServerFlag,
}

pub(super) fn run(args: &Args, settings: &Settings) -> Result<()> {
    let client = args.server.client(settings)?;
    let rows = client.outliers(&args.name, args.top, args.sync.wait(settings)?)?;
    args.positions.print_as(rows, args.format.format(settings), true)
}
