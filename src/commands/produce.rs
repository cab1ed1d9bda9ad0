//! `timeline produce`: the `event-producer` binary's job as a subcommand.

use crate::error::{Error, Result};

/// Make a seeded synthetic workload (video sessions, card payments, devices), at a rate if wanted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline produce video --events 1000000 --sessions 20000 --to video.ndjson --truth truth.ndjson
  timeline produce payments --jitter 1s --late 0.01 --rate 5000 | head")]
pub(crate) struct Args {
    #[command(flatten)]
    options: event_producer::Options,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let summary = event_producer::run(&args.options).map_err(|e| match e.exit_code() {
        2 => Error::Usage(e.to_string()),
        _ => Error::Unreachable(e.to_string()),
    })?;
    eprintln!("{summary}");
    Ok(())
}
