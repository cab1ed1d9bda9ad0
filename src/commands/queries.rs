//! `timeline queries`: what runs.

use super::cut;
use crate::args::{FormatFlag, PageFlags, ServerFlag};
use crate::error::Result;
use crate::output;
use crate::settings::SettingsFile;

/// List what runs on a processor, and at what cost.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline queries --server http://127.0.0.1:7171
  timeline queries --limit 100 --offset 100")]
pub(crate) struct Args {
    #[command(flatten)]
    page: PageFlags,
    #[command(flatten)]
    format: FormatFlag,
    #[command(flatten)]
    server: ServerFlag,
}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let rows = args.server.client(settings)?.queries(args.page.or(usize::MAX))?;
    rows.extent.into_iter().for_each(cut::tell);
    let schema = rows.schema.clone();
    output::print(args.format.format(settings), &schema, rows.batches(), false)
}
