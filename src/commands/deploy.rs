//! `timeline deploy`: adds or changes queries on a running processor.

use super::answer::{bare, not_yet};
use super::program;
use crate::args::ServerFlag;
use crate::client::{DeployRequest, Deployed, NamedProgram};
use crate::error::Result;
use crate::output::table;
use crate::settings::Settings;
use std::io::Write;
use std::path::PathBuf;

/// Add queries to a running processor, or change them; `--plan` only shows what that would do.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline deploy --plan video.tl
  timeline deploy video.tl --from start
  timeline deploy video.tl --from now")]
pub(crate) struct Args {
    /// Programs; `-` is standard input.
    #[arg(value_name = "P.tl", required = true)]
    programs: Vec<PathBuf>,
    /// Show keep, rebuild or begin for each worker, and change nothing.
    #[arg(long)]
    plan: bool,
    /// Whether new queries replay the log from its start, or begin with what comes next.
    #[arg(long, value_enum, default_value_t = From::Start)]
    from: From,
    #[command(flatten)]
    server: ServerFlag,
}

/// Where a new query begins.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum From {
    /// With the first event of the log.
    Start,
    /// With the next event; sessions that may have begun before are partial.
    Now,
}

pub(super) fn run(args: &Args, settings: &Settings) -> Result<()> {
    let mut programs = vec![];
    for path in &args.programs {
        let (name, text) = program::read_whole(path)?;
        programs.push(NamedProgram { name, text });
    }
    let from = match args.from {
        From::Start => "start",
        From::Now => "now",
    };
    let request = DeployRequest { programs, plan: args.plan, from };
    let deployed = args.server.client(settings)?.deploy(&request)?;
    std::io::stdout().write_all(describe(&deployed).as_bytes())?;
    let verb = if args.plan { "would be" } else { "are" };
    for (names, what) in
        [(&deployed.added, "added"), (&deployed.changed, "changed"), (&deployed.unchanged, "there already")]
    {
        if !names.is_empty() {
            eprintln!("{} {verb} {what}", names.join(", "));
        }
    }
    deployed.notes.iter().for_each(|note| eprintln!("{note}"));
    not_yet(&deployed.not_yet);
    Ok(())
}

/// A line for each worker: what becomes of it.
fn describe(deployed: &Deployed) -> String {
    let mut rows = vec![vec!["action".to_owned(), "node".to_owned(), "operator".to_owned()]];
    rows.extend(deployed.nodes.iter().map(|n| vec![n.action.clone(), bare(&n.id), n.operator.clone()]));
    table::aligned(&rows, &[false, false, false])
}
