//! `timeline queries`: what runs.

use crate::args::{FormatFlag, ServerFlag};
use crate::error::Result;
use crate::output;
use crate::settings::Settings;

/// List what runs on a processor, and at what cost.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  timeline queries --server http://127.0.0.1:7171")]
pub(crate) struct Args {
    #[command(flatten)]
    format: FormatFlag,
    #[command(flatten)]
    server: ServerFlag,
}

pub(super) fn run(args: &Args, settings: &Settings) -> Result<()> {
    let rows = args.server.client(settings)?.queries()?;
    let schema = rows.schema.clone();
    output::print(args.format.format(settings), &schema, rows.batches(), false)
}
