//! The flags of `serve`, and the settings where there is no flag.
//!
//! **Invariant:** a flag wins over its variable, and both over `timeline.toml`.

use super::{history, outputs, tools};
use crate::args::{duration, some_duration, some_questions, some_threads};
use crate::error::{Error, Result};
use crate::otlp::Collector;
use crate::settings::SettingsFile;
use std::path::PathBuf;
use std::time::Duration;

/// Consume sources, keep every session's timelines durably, and answer queries.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline serve video.tl --source 'file:logs/*.ndjson' --state state
  timeline serve video.tl --source player=file:player.ndjson --listen 127.0.0.1:0 --exit-at-end
  timeline serve video.tl --source pulsar://127.0.0.1:6650/player
  timeline serve video.tl --source pulsar://127.0.0.1:6650/player --alerts-to pulsar://127.0.0.1:6650/alerts
  timeline serve video.tl --source 'file:logs/*.ndjson' --listen-pg 5432

Prints one line when it is ready: `timeline: serving http://ADDR, state DIR, epoch N`.")]
pub(crate) struct Args {
    /// Programs to deploy at the start, if they are not yet.
    #[arg(value_name = "P.tl")]
    pub(crate) programs: Vec<PathBuf>,
    /// An input, `file:GLOB` or `pulsar://HOST:PORT/TOPIC[,TOPIC]...`; NAME= binds it to one of several sources of the programs.
    #[arg(long = "source", value_name = "[NAME=]PLACE")]
    pub(crate) sources: Vec<String>,
    /// Start although a file or a topic of a source is not there yet; it is waited for, and a topic is made by the broker if
    /// it may.
    #[arg(long, env = "TIMELINE_WAIT_FOR_SOURCES")]
    pub(crate) wait_for_sources: bool,
    /// The subscription under which topics are read; a job's own, and the same for all processors of it [default: timeline].
    #[arg(long, value_name = "NAME", env = "TIMELINE_SUBSCRIPTION")]
    pub(crate) subscription: Option<String>,
    /// A file with the token that brokers ask for; TIMELINE_PULSAR_TOKEN may hold the token itself.
    #[arg(long, value_name = "FILE", env = "TIMELINE_PULSAR_TOKEN_FILE")]
    pub(crate) pulsar_token_file: Option<PathBuf>,
    /// A file of certificates (PEM) to trust brokers by, beside the usual ones.
    #[arg(long, value_name = "FILE", env = "TIMELINE_PULSAR_CA")]
    pub(crate) pulsar_ca: Option<PathBuf>,
    /// Go on where a topic has lost messages that come next, and say so for good: whatever is lost, or the one gap that is
    /// named as the refusal to go on names it.
    #[arg(long, value_name = "GAP", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) accept_gap: Vec<String>,
    /// Go on without a file beside the state that is missing or broken, named as the line that says so names it; what it
    /// held is missing from answers from then on, and each says so.
    #[arg(long, value_name = "NAME")]
    pub(crate) accept_damage: Vec<String>,
    /// Make a file of history anew that is missing, broken or was given up: the log is read again from its start.
    #[arg(long, value_name = "NAME")]
    pub(crate) remake: Vec<String>,
    /// Where the state is kept: a folder, or a prefix of a bucket [default: .timeline]. Several processors may share it.
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX", env = "TIMELINE_STATE")]
    pub(crate) state: Option<String>,
    /// Where to listen; port 0 takes any free one [default: 127.0.0.1:7171].
    #[arg(long, value_name = "ADDR", env = "TIMELINE_LISTEN")]
    pub(crate) listen: Option<String>,
    #[command(flatten)]
    pub(crate) tools: tools::Wires,
    /// Where processors that share the state can ask this one [default: where it listens].
    #[arg(long, value_name = "ADDR", env = "TIMELINE_ADVERTISE")]
    pub(crate) advertise: Option<String>,
    /// A file with the tokens that requests must show one of, a line each (`reader NAME TOKEN`, `deployer NAME TOKEN`), or one
    /// alone; it is read again when it changes. Needed where others than this machine can ask.
    #[arg(long, value_name = "FILE", env = "TIMELINE_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// How long events of a topic are kept beside its state, for `session` and for queries that are deployed later; 0 is none
    /// [default: 24h].
    #[arg(long, value_name = "DURATION", env = "TIMELINE_KEEP", value_parser = duration)]
    pub(crate) keep: Option<Duration>,
    /// How long rows of results are kept, by the time of events: of sessions, alerts and windows that are over, late events
    /// and dead letters [default: for ever].
    #[arg(long, value_name = "DURATION", env = "TIMELINE_KEEP_RESULTS", value_parser = some_duration)]
    pub(crate) keep_results: Option<Duration>,
    #[command(flatten)]
    pub(crate) history: history::HistoryFlags,
    /// How long a start goes on trying while the bucket gives no clear answers.
    #[arg(long, value_name = "DURATION", default_value = "60s", env = "TIMELINE_START_TIMEOUT", value_parser = duration)]
    pub(crate) start_timeout: Duration,
    /// End with a last checkpoint once every file has been read to its end; a last line that is a whole JSON object is read
    /// without its line feed, any other is left and said.
    #[arg(long)]
    pub(crate) exit_at_end: bool,
    /// How many threads evaluate [default: one for each processor of the machine].
    #[arg(long, value_name = "N", env = "TIMELINE_THREADS", value_parser = some_threads)]
    pub(crate) threads: Option<usize>,
    /// How many questions in SQL are worked at at a time, each in a process of its own; others wait for their turn.
    #[arg(long, value_name = "N", default_value = "8", env = "TIMELINE_QUESTIONS", value_parser = some_questions)]
    pub(crate) questions: usize,
    #[command(flatten)]
    pub(crate) outputs: outputs::OutputFlags,
    /// The least time between two messages of a row of totals.
    #[arg(long, value_name = "DURATION", default_value = "1s", env = "TIMELINE_TOTALS_EVERY", value_parser = some_duration)]
    #[arg(help_heading = "Outputs")]
    pub(crate) totals_every: Duration,
    /// A collector of OpenTelemetry that traces and logs are sent to: http://HOST:4318, or https:// where it is behind TLS.
    #[arg(long, value_name = "URL", env = "TIMELINE_OTLP", help_heading = "Monitoring")]
    #[arg(hide = cfg!(not(feature = "otlp")))]
    pub(crate) otlp: Option<String>,
}

impl Args {
    /// The collector that is told of what goes on, where one is named.
    ///
    /// # Errors
    /// [`Error::Usage`] for what is no collector, and in a build that can tell none.
    pub(crate) fn collector(&self, settings: &SettingsFile) -> Result<Option<Collector>> {
        let url = self.otlp.as_ref().or(settings.otlp.as_ref()).filter(|url| !url.is_empty());
        let ca = std::env::var_os("TIMELINE_CA").map(PathBuf::from).or_else(|| settings.ca.clone());
        url.map(|url| Collector::new(url, ca.as_deref())).transpose()
    }

    /// The flags, and the settings where there is no flag.
    pub(super) fn or(&self, settings: &SettingsFile) -> Result<Args> {
        let mut args = self.clone();
        args.advertise = args.advertise.or_else(|| settings.advertise.clone());
        args.subscription = args.subscription.or_else(|| settings.subscription.clone());
        args.pulsar_token_file = args.pulsar_token_file.or_else(|| settings.pulsar_token_file());
        args.pulsar_ca = args.pulsar_ca.or_else(|| settings.pulsar_ca.clone());
        if let (None, Some(keep)) = (args.keep, &settings.keep) {
            let keep = duration(keep).map_err(|error| Error::Usage(format!("timeline.toml: keep: {error}")))?;
            args.keep = Some(keep);
        }
        if let (None, Some(keep)) = (args.keep_results, &settings.keep_results) {
            let keep = some_duration(keep);
            args.keep_results =
                Some(keep.map_err(|error| Error::Usage(format!("timeline.toml: keep_results: {error}")))?);
        }
        Ok(args)
    }
}
