//! `timeline produce`: the `event-producer` binary's job as a subcommand.

#[cfg(feature = "pulsar")]
mod repartition;

use crate::args::QuietFlag;
use crate::error::{Error, Result};
use crate::progress::{ProgressCount, ProgressReport, ProgressUnit};
use crate::settings::SettingsFile;
#[cfg(feature = "pulsar")]
use clap::builder::ArgPredicate;
use event_producer::produce::LogTarget;
use std::io::{IsTerminal, stdout};

/// Make a seeded synthetic workload (video sessions, card payments, devices), at a rate if wanted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline produce video --events 1000000 --sessions 20000 --to video.ndjson --truth truth.ndjson
  timeline produce payments --jitter 1s --late 0.01 --rate 5000 | head
  timeline produce --repartition pulsar://localhost:6650/clicks --program users.tl --to pulsar://localhost:6650/by-user")]
#[cfg_attr(feature = "pulsar", command(mut_arg("model", |model| {
    // Which is not looked at then.
    model.required(false).required_unless_present("repartition").default_value_if("repartition", ArgPredicate::IsPresent, "video")
})))]
pub(crate) struct Args {
    #[command(flatten)]
    options: event_producer::Options,
    #[command(flatten)]
    quiet: QuietFlag,
    #[cfg(feature = "pulsar")]
    #[command(flatten)]
    repartition: repartition::RepartitionFlags,
}

/// What the settings say of brokers, where there is no flag.
#[cfg(feature = "pulsar")]
fn access(options: &mut event_producer::Options, settings: &SettingsFile) {
    let access = &mut options.delivery.messages.access;
    access.token_file = access.token_file.take().or_else(|| settings.pulsar_token_file());
    access.ca = access.ca.take().or_else(|| settings.pulsar_ca.clone());
}

#[cfg(not(feature = "pulsar"))]
fn access(_: &mut event_producer::Options, _: &SettingsFile) {}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let mut options = args.options.clone();
    access(&mut options, settings);
    #[cfg(feature = "pulsar")]
    if repartition::run(&args.repartition, &options, ProgressReport::new(args.quiet.quiet))? {
        return Ok(());
    }
    // A bar would stand among the events.
    let is_on_screen = options.to == LogTarget::Stdout && stdout().is_terminal();
    let progress = ProgressReport::new(args.quiet.quiet || is_on_screen);
    let of = Some(options.workload.events);
    let summary = event_producer::run_telling(&options, &mut |count| {
        progress.tell(ProgressCount { count, of, unit: ProgressUnit::Events, verb: "written" });
    });
    // The bar goes before anything else is said.
    drop(progress);
    let summary = summary.map_err(|e| match e.exit_code() {
        2 => Error::Usage(e.to_string()),
        _ => Error::Unreachable(e.to_string()),
    })?;
    eprintln!("{summary}");
    Ok(())
}
