//! The command line as clap sees it: the list of subcommands, and the groups of flags that several of them share.
//!
//! Each subcommand's own flags stand in its module under `commands`.
//! Help, shell completions and the manual pages all come from these definitions.
//! A flag wins over its `TIMELINE_...` variable (clap sees to that), which wins over `timeline.toml`
//! (so flags with a setting have no default here; [`crate::settings::SettingsFile`] gives it).

use crate::client::{ProcessorClient, WaitFor};
use crate::commands;
use crate::error::{Error, Result};
use crate::log::LogFormat;
use crate::output::OutputFormat;
use crate::settings::SettingsFile;
use clap::{Parser, Subcommand};
use processor::engine::Page;
use processor::tokens::{BearerToken, TokenStore};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Streaming time-state analytics: ask how long something was in a state, in one line.
#[derive(Debug, Parser)]
#[command(name = "timeline", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "\
Start here:
  timeline demo
  timeline eval -e 'duration_where(latest(playerState) == \"buffer\")' events.ndjson

Exit codes: 0 done; 1 the answer is \"no\" (a program has errors, a check found a fault); 2 wrong usage;
3 a source or server cannot be reached; 4 input could not be read (nothing was lost); 5 fenced by another owner.
TIMELINE_LOG=debug says more on standard error, --log-format json says it as JSON.")]
pub(crate) struct Cli {
    /// Settings file [default: timeline.toml in the current folder, if there is one].
    #[arg(long, global = true, value_name = "FILE", env = "TIMELINE_CONFIG", help_heading = "Common")]
    pub(crate) config: Option<PathBuf>,

    /// How log lines on standard error are written [default: text].
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        env = "TIMELINE_LOG_FORMAT",
        help_heading = "Common"
    )]
    pub(crate) log_format: Option<LogFormat>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(commands::demo::Args),
    Check(commands::check::Args),
    Explain(commands::explain::Args),
    Eval(commands::eval::Args),
    Fmt(commands::fmt::Args),
    #[cfg(feature = "lsp")]
    Lsp(commands::lsp::Args),
    Test(commands::test::Args),
    Produce(commands::produce::Args),
    Serve(Box<commands::serve::Args>),
    Deploy(commands::deploy::Args),
    Queries(commands::queries::Args),
    Drop(commands::drop::Args),
    Query(commands::query::Args),
    Session(commands::session::Args),
    Outliers(commands::outliers::Args),
    Watch(commands::watch::Args),
    #[cfg(feature = "pulsar")]
    Doctor(commands::doctor::Args),
    Bench(commands::bench::Args),
    #[command(hide = true)]
    AnswerQuestions(commands::answer_questions::Args),
    #[command(hide = true)]
    Known(commands::known::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
}

/// Which processor to ask.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServerFlag {
    /// The processor to ask; https:// where it is behind TLS [default: http://127.0.0.1:7171].
    #[arg(long, value_name = "URL", env = "TIMELINE_SERVER")]
    server: Option<String>,

    /// A file with the token that the processor wants to be shown; TIMELINE_TOKEN is the token itself.
    #[arg(long, value_name = "FILE", env = "TIMELINE_TOKEN_FILE")]
    token_file: Option<PathBuf>,

    /// A file with certificates to trust an https:// server by, in PEM [default: those that browsers trust].
    #[arg(long, value_name = "FILE", env = "TIMELINE_CA")]
    ca: Option<PathBuf>,
}

impl ServerFlag {
    /// Base URL without a slash at its end.
    pub(crate) fn url(&self, settings: &SettingsFile) -> String {
        let url = self.server.as_deref().or(settings.server.as_deref()).unwrap_or("http://127.0.0.1:7171");
        url.trim_end_matches('/').to_owned()
    }

    /// The client of that processor.
    pub(crate) fn client(&self, settings: &SettingsFile) -> Result<ProcessorClient> {
        let ca = self.ca.as_deref().or(settings.ca.as_deref());
        Ok(ProcessorClient::new(self.url(settings), ca)?.showing(token(self.token_file.as_deref(), settings)?))
    }
}

/// The token to show: see [`tokens`]; of a file with several the one that may do most.
fn token(flag: Option<&Path>, settings: &SettingsFile) -> Result<Option<BearerToken>> {
    Ok(tokens(flag, settings)?.map(|tokens| tokens.own()))
}

/// The tokens in the file that a flag names, else that of `TIMELINE_TOKEN`, else those in the file of the settings, else none.
pub(crate) fn tokens(flag: Option<&Path>, settings: &SettingsFile) -> Result<Option<TokenStore>> {
    let variable = std::env::var("TIMELINE_TOKEN").ok().filter(|text| !text.is_empty());
    let file = flag.or(settings.token_file.as_deref().filter(|_| variable.is_none()));
    match (file, variable) {
        (Some(path), _) => match TokenStore::from_file(path) {
            Ok(tokens) => Ok(Some(tokens)),
            Err(wrong) => Err(Error::Usage(format!("--token-file: {wrong}"))),
        },
        (None, Some(text)) => match BearerToken::new(&text) {
            Some(token) => Ok(Some(TokenStore::one(token))),
            None => Err(Error::Usage("TIMELINE_TOKEN: a token is one word of letters, digits and signs".into())),
        },
        (None, None) => Ok(None),
    }
}

/// How rows are written.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FormatFlag {
    /// How rows are written [default: table on a terminal, jsonl otherwise].
    #[arg(long, value_enum, env = "TIMELINE_FORMAT")]
    format: Option<OutputFormat>,
}

impl FormatFlag {
    /// The format asked for, or the one that fits standard output.
    pub(crate) fn format(&self, settings: &SettingsFile) -> OutputFormat {
        self.format.or(settings.format).unwrap_or_else(OutputFormat::for_stdout)
    }
}

/// Which rows of a list are shown.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct PageFlags {
    /// Show so many rows at the most [default: all].
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Pass over so many rows, which were shown before.
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: usize,
}

impl PageFlags {
    /// The rows that are asked for; so many at the most where nobody says.
    pub(crate) fn or(self, limit: usize) -> Page {
        Page { offset: self.offset, limit: self.limit.unwrap_or(limit) }
    }
}

/// Whether it is said how far long work is.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct QuietFlag {
    /// Do not say on standard error how far it is; what there is to say in the end is said.
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Whether an answer waits for the source.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SyncFlags {
    /// Answer only when every complete record that the source holds now has been read.
    #[arg(long)]
    pub(crate) sync: bool,

    /// How long to wait for that, e.g. 60s or 2m; then exit code 3 [default: 60s].
    #[arg(long, value_name = "DURATION", env = "TIMELINE_TIMEOUT", value_parser = duration)]
    timeout: Option<Duration>,
}

impl SyncFlags {
    /// What to ask of the server.
    pub(crate) fn wait(&self, settings: &SettingsFile) -> Result<WaitFor> {
        let timeout = match (self.timeout, &settings.timeout) {
            (Some(flag), _) => flag,
            (None, Some(text)) => duration(text).map_err(|e| Error::Usage(format!("timeline.toml: timeout: {e}")))?,
            (None, None) => Duration::from_secs(60),
        };
        Ok(WaitFor { sync: self.sync, timeout })
    }
}

/// A length of time as people write it: `90`, `1.5s`, `500ms`, `2m`, `1h`, `1d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a length of time; write 500ms, 60s, 2m, 1h or 1d");
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let nanoseconds: u64 = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return Err(wrong()),
    };
    let total = scaled_decimal(number, nanoseconds.into()).and_then(|x| u64::try_from(x).ok()).ok_or_else(wrong)?;
    Ok(Duration::from_nanos(total))
}

/// A length of time that is not zero.
pub(crate) fn some_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err(format!("`{text}` is no time at all; write at least 1ms")),
        some => Ok(some),
    }
}

/// How many questions at a time: one at least, and each may take its memory.
pub(crate) fn some_questions(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("nothing is answered by no process; write 1 or more".to_owned()),
        Ok(n @ 1..=256) => Ok(n),
        Ok(_) => Err(format!("{text} processes are more than a machine has room for; write 256 at most")),
        Err(_) => Err(format!("`{text}` is not a number of questions")),
    }
}

/// How many threads: one at least.
pub(crate) fn some_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("nothing is done by no thread; write 1 or more".to_owned()),
        Ok(n) => Ok(n),
        Err(_) => Err(format!("`{text}` is not a number of threads")),
    }
}

/// `number * scale` exactly; `None` where it is no decimal number, or has a fraction finer than the scale.
pub(crate) fn scaled_decimal(number: &str, scale: i128) -> Option<i128> {
    let (sign, digits) = number.strip_prefix('-').map_or((1, number), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let shift = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = digits.checked_mul(scale)?;
    (scaled % shift == 0).then(|| sign * (scaled / shift))
}

/// An instant: RFC 3339, where a space may stand for `T` and a missing offset is UTC. Nanoseconds since the Unix epoch.
pub(crate) fn rfc3339(text: &str) -> Option<i64> {
    let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let local = text.parse::<jiff::civil::DateTime>().ok()?;
        jiff::tz::Offset::UTC.to_timestamp(local).ok()
    })?;
    i64::try_from(instant.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Cli, duration, rfc3339, scaled_decimal, some_duration};
    use clap::CommandFactory;
    use std::time::Duration;

    #[test]
    fn definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let call = format!("timeline {}", command.get_name());
            assert!(help.contains(&call), "`{call}` shows no example of itself");
            assert!(command.get_about().is_some(), "{call} does not say what it does");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "-1s", "1w", "1..2s", "1e3s", "99999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(some_duration("1ns"), Ok(Duration::from_nanos(1)));
        assert!(some_duration("0s").unwrap_err().contains("at least"));
    }

    #[test]
    fn decimals_scale_exactly() {
        assert_eq!(scaled_decimal("40", 1_000_000_000), Some(40_000_000_000));
        assert_eq!(scaled_decimal("-0.000000001", 1_000_000_000), Some(-1));
        assert_eq!(scaled_decimal("1.5", 1), None);
        assert_eq!(scaled_decimal("1.50", 10), Some(15));
        assert_eq!(scaled_decimal(".5", 10), None);
    }

    #[test]
    fn instants() {
        assert_eq!(rfc3339("1970-01-01T00:00:01Z"), Some(1_000_000_000));
        assert_eq!(rfc3339("1970-01-01 00:00:01.5"), Some(1_500_000_000));
        assert_eq!(rfc3339("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(rfc3339("2300-01-01T00:00:00Z"), None);
        assert_eq!(rfc3339("yesterday"), None);
    }
}
