//! `timeline produce --repartition`: the flags, and the source that a program names.

use crate::commands::{program, serve};
use crate::error::{Error, Result};
use crate::progress::{ProgressCount, ProgressReport, ProgressUnit};
use event_feeder::pulsar::Address;
use event_producer::produce::LogTarget;
use event_producer::produce::repartition::{self, Repartition, repartition};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use timeline_core::plan::SourceDefinition;
use timeline_dsl::Defaults;

/// Reading one topic and writing another by a program's key.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Repartition")]
pub(crate) struct RepartitionFlags {
    /// Reads this topic instead of making a log, and writes each record to the partition of --to that the key of --program
    /// has; ends where the topic ends at the time of the call. A call that was ended goes on where it was: after a crash about
    /// a second of records is written again.
    #[arg(long, value_name = "pulsar://HOST:PORT/TOPIC", requires = "program")]
    #[arg(conflicts_with_all = ["seed", "sessions", "events", "jitter", "late", "lateness", "start", "truth", "rate", "torn", "lines", "model"])]
    repartition: Option<Address>,
    /// The program that names the key.
    #[arg(long, value_name = "P.tl", requires = "repartition")]
    program: Option<PathBuf>,
    /// Which source of the program, if it has several.
    #[arg(long, value_name = "NAME", requires = "repartition")]
    source: Option<String>,
    /// Goes on with what comes, until it is stopped; partitions that have nothing are not waited for.
    #[arg(long, requires = "repartition")]
    follow: bool,
    /// Where it is noted how far it has come [default: FROM-to-TO.progress.json].
    #[arg(long, value_name = "FILE", requires = "repartition")]
    progress: Option<PathBuf>,
    /// The subscription under which the topic is read [default: timeline-repartition].
    #[arg(long, value_name = "NAME", requires = "repartition")]
    subscription: Option<String>,
}

/// Does it, if it is asked for.
pub(super) fn run(
    flags: &RepartitionFlags,
    options: &event_producer::Options,
    progress: ProgressReport,
) -> Result<bool> {
    let (Some(from), Some(path)) = (&flags.repartition, &flags.program) else { return Ok(false) };
    let LogTarget::Topic(to) = &options.to else {
        return Err(Error::Usage("--repartition writes a topic: name it with --to pulsar://HOST:PORT/TOPIC".into()));
    };
    let messages = &options.delivery.messages;
    let options = Repartition {
        from: from.clone(),
        to: to.clone(),
        source: source(path, flags.source.as_deref())?,
        subscription: flags.subscription.clone().unwrap_or_else(|| "timeline-repartition".into()),
        progress: flags.progress.clone(),
        follow: flags.follow,
        batch: messages.batch,
        compression: messages.compression,
        access: messages.access.clone(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    serve::on_signal(move |_| stopping.store(true, Ordering::Relaxed))?;
    let done = repartition(&options, &stop, &mut |count| {
        progress.tell(ProgressCount { count, of: None, unit: ProgressUnit::Events, verb: "written" });
    });
    // The bar goes before anything else is said.
    drop(progress);
    match done {
        Ok(done) => {
            eprintln!("timeline: {done}");
            Ok(true)
        }
        Err(repartition::Error::Wrong(what)) => Err(Error::Usage(what)),
        Err(error @ repartition::Error::Topic(_)) => Err(Error::Unreachable(error.to_string())),
        Err(error @ repartition::Error::Progress { .. }) => Err(Error::Other(error.into())),
    }
}

/// The source that names key and time.
fn source(path: &std::path::Path, name: Option<&str>) -> Result<SourceDefinition> {
    let program = program::from_file(path)?;
    let plans = program::plans(&program, program::compilation(&program, &Defaults::default()))?;
    let mut all: Vec<SourceDefinition> = vec![];
    for source in plans.iter().flat_map(|plan| plan.sources()) {
        if !all.contains(source) {
            all.push(source.clone());
        }
    }
    let names = all.iter().map(|source| source.name.clone()).collect::<Vec<_>>().join(", ");
    match (name, &all[..]) {
        (None, [only]) => Ok(only.clone()),
        (Some(name), all) => all.iter().find(|source| source.name == name).cloned().ok_or_else(|| {
            Error::Usage(format!("{} has no source `{name}`, but {names}: name one with --source", path.display()))
        }),
        (None, _) => Err(Error::Usage(format!("{} has the sources {names}: name one with --source", path.display()))),
    }
}
