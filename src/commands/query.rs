//! `timeline query`: SQL over live and past results.

use super::answer::PositionsFlag;
use super::nothing;
use crate::args::{FormatFlag, ServerFlag, SyncFlags};
use crate::error::Result;
use crate::settings::SettingsFile;

/// Ask a running processor in SQL, over live and past results.
///
/// Tables: sessions, finals, spans, alerts, totals, late_events, dead_letters, queries, nodes, partitions,
/// and one view per metric under its own name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline query \"SELECT cdn, sum FROM totals WHERE metric = 'cirr' ORDER BY sum DESC\"
  timeline query --sync --format csv \"SELECT * FROM dead_letters\" > bad.csv")]
pub(crate) struct Args {
    /// The question.
    #[arg(value_name = "SQL")]
    sql: String,
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
    let rows = client.query(&args.sql, args.sync.wait(settings)?)?;
    let tells = rows.tells();
    args.positions.print(rows, args.format.format(settings))?;
    if !tells.get() {
        nothing::tell_of_processor(&client, &args.sql);
    }
    Ok(())
}
