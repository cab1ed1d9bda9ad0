//! `timeline outliers`: what is farthest from the rest.

use super::answer::PositionsFlag;
use super::cut;
use crate::args::{FormatFlag, ServerFlag, SyncFlags};
use crate::error::Result;
use crate::settings::SettingsFile;
use processor::engine::Page;

/// Show the sessions or groups of a metric that are farthest from the rest, and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline outliers cirr --top 20
  timeline outliers cirr --top 20 --offset 20")]
pub(crate) struct Args {
    /// The metric.
    #[arg(value_name = "NAME")]
    name: String,
    /// How many rows.
    #[arg(long, visible_alias = "limit", value_name = "N", default_value_t = 10)]
    top: usize,
    /// Pass over so many rows, which were shown before.
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
    #[command(flatten)]
    sync: SyncFlags,
    #[command(flatten)]
    positions: PositionsFlag,
    #[command(flatten)]
    format: FormatFlag,
    #[command(flatten)]
    server: ServerFlag,
}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let client = args.server.client(settings)?;
    let page = Page { offset: args.offset, limit: args.top };
    let rows = client.outliers(&args.name, page, args.sync.wait(settings)?)?;
    rows.extent.into_iter().for_each(cut::tell);
    args.positions.print_as(rows, args.format.format(settings), true)
}
