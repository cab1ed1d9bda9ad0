//! What is written to standard error beside answers: lines for people or, for those who gather logs, an object of JSON a line.
//!
//! Libraries and the processor speak through `tracing`. What the command itself has to say of its work goes through here,
//! and is the same line as ever where people read it; notes on an answer (what it is true for, what there is no row of) are
//! for whoever asked, and stay text.
//!
//! **Invariant:** `TIMELINE_LOG` leaves out nothing that the command itself says, nor who changed what runs.

use crate::otlp::Collector;
use processor::traced::TARGET;
use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};
use std::sync::OnceLock;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// How lines on standard error are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line: `timestamp`, `level`, `target`, and `fields` with the `message`.
    Json,
}

static FORMAT: OnceLock<LogFormat> = OnceLock::new();
static COLLECTOR: OnceLock<Collector> = OnceLock::new();

/// What the lines of the client of Pulsar have as their target, or begin it with.
const CLIENT: &str = "pulsar";

/// The parts of it that are written only where they are asked for: it calls an error what ends a consumer as it should, and
/// warns of each first attempt to connect, of a healthy broker too. What matters of both we say ourselves.
const QUIET: [&str; 2] = ["consumer", "retry_op"];

/// The target of what the command itself says.
const COMMAND: &str = "command";
/// All of that.
const COMMAND_SAYS: &str = "command=info";

/// Sends what the libraries say to standard error and, where there is one, to a collector; `TIMELINE_LOG` chooses what,
/// warnings by default. A command that runs another one in the same process has started it already.
pub(crate) fn start(format: LogFormat, collector: Option<Collector>) {
    if FORMAT.set(format).is_err() {
        return;
    }
    let mut layers = vec![to_stderr(format)];
    if let Some(collector) = collector {
        layers.extend(collector.layers(filter(COMMAND_SAYS)));
        // Nobody has set it: this is done once.
        let _ = COLLECTOR.set(collector);
    }
    tracing_subscriber::registry().with(layers).init();
}

/// Sends what is left to the collector, if there is one.
pub(crate) fn end() {
    if let Some(collector) = COLLECTOR.get() {
        collector.end();
    }
}

fn to_stderr(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = tracing_subscriber::fmt::layer::<Registry>().with_writer(stderr);
    match format {
        LogFormat::Text => {
            let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            // What the command says is a line of its own.
            layer.with_ansi(colour).with_filter(filter("command=off")).boxed()
        }
        LogFormat::Json => {
            layer.json().with_current_span(false).with_span_list(false).with_filter(filter(COMMAND_SAYS)).boxed()
        }
    }
}

/// What is written, by `TIMELINE_LOG` and by what is to be done with what the command says.
fn filter(command: &str) -> EnvFilter {
    let mut filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .with_env_var("TIMELINE_LOG")
        .from_env_lossy();
    let is_wanted = std::env::var("TIMELINE_LOG").is_ok_and(|wanted| wanted.contains(CLIENT));
    let quiet = QUIET.iter().filter(|_| !is_wanted).map(|part| format!("{CLIENT}::{part}=off"));
    // Who changed what runs is written down whatever else is, and spans are no part of a line.
    let spans = format!("{TARGET}=off");
    for directive in ["audit=info", command, &spans].into_iter().map(str::to_owned).chain(quiet) {
        if let Ok(directive) = directive.parse() {
            filter = filter.add_directive(directive);
        }
    }
    filter
}

/// Whether lines are JSON.
pub(crate) fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// Says something that is to be known.
pub(crate) fn say(what: impl Display) {
    tracing::info!(target: COMMAND, "{what}");
    if !is_json() {
        line(what);
    }
}

/// Says something that somebody should look at.
pub(crate) fn warn(what: impl Display) {
    tracing::warn!(target: COMMAND, "{what}");
    if !is_json() {
        line(what);
    }
}

/// Says why the command ends, and with which code, in JSON and to a collector.
pub(crate) fn fail(why: impl Display, exit: u8) {
    tracing::error!(target: COMMAND, exit, "{why}");
}

fn line(what: impl Display) {
    // Nobody reads it where it cannot be written.
    let _ = writeln!(stderr(), "timeline: {what}");
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn a_client_that_begins_and_ends_as_it_should_says_nothing() {
        let said = filter("command=off").to_string();
        let is_wanted = std::env::var("TIMELINE_LOG").is_ok_and(|wanted| wanted.contains("pulsar"));
        for part in ["pulsar::consumer=off", "pulsar::retry_op=off"] {
            assert_eq!(said.contains(part), !is_wanted, "{said}");
        }
        assert!(said.contains("audit=info") && said.contains("command=off"), "{said}");
    }
}
