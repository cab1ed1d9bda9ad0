//! `timeline drop`: a query is no longer asked; what it has committed stays.

use super::answer::not_yet;
use crate::args::ServerFlag;
use crate::error::Result;
use crate::settings::SettingsFile;

/// Remove a metric or an alert from a running processor. Its committed rows stay in `finals` and `alerts`, under the
/// version of its definition.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  timeline drop cirr_ratio")]
pub(crate) struct Args {
    /// The metric or alert.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: ServerFlag,
}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let dropped = args.server.client(settings)?.drop(&args.name)?;
    eprintln!("dropped {}", args.name);
    dropped.notes.iter().for_each(|note| eprintln!("{note}"));
    not_yet(&dropped.not_yet);
    Ok(())
}
