//! What is written to standard error beside answers: lines for people or, for those who gather logs, an object of JSON a line.
//!
//! Libraries and the processor speak through `tracing`. What the command itself has to say of its work goes through here,
//! and is the same line as ever where people read it; notes on an answer (what it is true for, what there is no row of) are
//! for whoever asked, and stay text.
//!
//! **Invariant:** `TIMELINE_LOG` leaves out nothing that the command itself says, nor who changed what runs.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};
use std::sync::OnceLock;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

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

/// The target of what the command itself says.
const COMMAND: &str = "command";

/// Sends what the libraries say to standard error; `TIMELINE_LOG` chooses what, warnings by default. A command that runs
/// another one in the same process has started it already.
pub(crate) fn start(format: LogFormat) {
    if FORMAT.set(format).is_err() {
        return;
    }
    let mut filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .with_env_var("TIMELINE_LOG")
        .from_env_lossy();
    // Who changed what runs is written down whatever else is.
    for always in ["audit=info", "command=info"] {
        if let Ok(directive) = always.parse() {
            filter = filter.add_directive(directive);
        }
    }
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match format {
        LogFormat::Text => {
            let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            subscriber.with_ansi(colour).init();
        }
        LogFormat::Json => subscriber.json().with_current_span(false).with_span_list(false).init(),
    }
}

/// Whether lines are JSON.
pub(crate) fn is_json() -> bool {
    FORMAT.get() == Some(&LogFormat::Json)
}

/// Says something that is to be known.
pub(crate) fn say(what: impl Display) {
    match is_json() {
        true => tracing::info!(target: COMMAND, "{what}"),
        false => line(what),
    }
}

/// Says something that somebody should look at.
pub(crate) fn warn(what: impl Display) {
    match is_json() {
        true => tracing::warn!(target: COMMAND, "{what}"),
        false => line(what),
    }
}

/// Says in JSON why the command ends, and with which code.
pub(crate) fn fail(why: impl Display, exit: u8) {
    tracing::error!(target: COMMAND, exit, "{why}");
}

fn line(what: impl Display) {
    // Nobody reads it where it cannot be written.
    let _ = writeln!(stderr(), "timeline: {what}");
}
