//! `timeline.toml`: what a folder wants by default. Flags and `TIMELINE_...` variables win over it.
//!
//! The set of keys is small and closed: an unknown key is an error, for a misspelt setting that is ignored misleads.

use crate::error::{Error, Result};
use crate::log::LogFormat;
use crate::output::OutputFormat;
use serde::Deserialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file that is read where no other is named.
const DEFAULT_FILE: &str = "timeline.toml";

/// All keys of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsFile {
    /// `server = "http://127.0.0.1:7171"`: the processor that queries go to.
    pub(crate) server: Option<String>,
    /// `state = "DIR"` or `"s3://BUCKET/PREFIX"`: where `serve` keeps its state.
    pub(crate) state: Option<String>,
    /// `listen = "127.0.0.1:7171"`: where `serve` listens.
    pub(crate) listen: Option<String>,
    /// `listen_pg = "5432"`: where tools for PostgreSQL can ask `serve`.
    pub(crate) listen_pg: Option<String>,
    /// `listen_flight = "PORT"`: where drivers of Arrow Flight SQL can.
    pub(crate) listen_flight: Option<String>,
    /// `tls_cert = "FILE"`: the certificate that tools are spoken to with.
    pub(crate) tls_cert: Option<PathBuf>,
    /// `tls_key = "FILE"`: its key.
    pub(crate) tls_key: Option<PathBuf>,
    /// `advertise = "HOST:PORT"`: where processors that share the state can ask this one.
    pub(crate) advertise: Option<String>,
    /// `keep = "24h"`: how long `serve` keeps the events of topics.
    pub(crate) keep: Option<String>,
    /// `history = "s3://bucket/history"`: where `serve` keeps the tables of history; `true` is beside the state.
    pub(crate) history: Option<HistoryPlace>,
    /// `history_every = "1m"`: the least time between two commits to a table.
    pub(crate) history_every: Option<String>,
    /// `history_keep = "400d"`: how long rows of tables are kept.
    pub(crate) history_keep: Option<String>,
    /// `history_backlog = "1GiB"`: how much of history waits in the state while its tables cannot be written.
    pub(crate) history_backlog: Option<String>,
    /// `keep_results = "90d"`: how long `serve` keeps rows of results.
    pub(crate) keep_results: Option<String>,
    /// `subscription = "NAME"`: the subscription under which topics are read.
    pub(crate) subscription: Option<String>,
    /// `pulsar_token_file = "FILE"`: the token that brokers ask for.
    pub(crate) pulsar_token_file: Option<PathBuf>,
    /// `pulsar_ca = "FILE"`: certificates to trust brokers by.
    pub(crate) pulsar_ca: Option<PathBuf>,
    /// `token_file = "FILE"`: the token that `serve` wants to be shown, and that commands show.
    pub(crate) token_file: Option<PathBuf>,
    /// `ca = "FILE"`: certificates to trust an https:// server by.
    pub(crate) ca: Option<PathBuf>,
    /// `alerts_to = "pulsar://HOST:PORT/TOPIC"`: where `serve` publishes alerts.
    pub(crate) alerts_to: Option<String>,
    /// `finals_to = ...`: likewise the final rows of sessions.
    pub(crate) finals_to: Option<String>,
    /// `totals_to = ...`: likewise changes of totals.
    pub(crate) totals_to: Option<String>,
    /// `late_events_to = ...`: likewise events that came too late.
    pub(crate) late_events_to: Option<String>,
    /// `dead_letters_to = ...`: likewise what could not be used.
    pub(crate) dead_letters_to: Option<String>,
    /// `format = "table"`: how rows are written.
    pub(crate) format: Option<OutputFormat>,
    /// `log_format = "json"`: how log lines on standard error are written.
    pub(crate) log_format: Option<LogFormat>,
    /// `otlp = "http://HOST:4318"`: the collector that `serve` sends traces and logs to.
    pub(crate) otlp: Option<String>,
    /// `timeout = "60s"`: how long `--sync` waits.
    pub(crate) timeout: Option<String>,
    /// `threads = 2`: how many threads evaluate; by default as many as the machine has.
    pub(crate) threads: Option<usize>,
}

/// Where `serve` keeps the tables of history.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a folder or a prefix of a bucket as text, or `true` for the folder beside the state")]
pub(crate) enum HistoryPlace {
    /// Beside the state, or (`false`) where the state says alone.
    Beside(bool),
    /// A folder, or a prefix of a bucket.
    At(String),
}

impl SettingsFile {
    /// Reads the named file, or `timeline.toml` if it is there.
    pub(crate) fn load(named: Option<&Path>) -> Result<Self> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(e) if e.kind() == ErrorKind::NotFound && named.is_none() => Ok(Self::default()),
            Err(e) => Err(Error::Usage(format!("cannot read the settings in {}: {e}", path.display()))),
        }
    }

    /// The file with the brokers' token, unless the token itself is in the environment, which wins.
    pub(crate) fn pulsar_token_file(&self) -> Option<PathBuf> {
        self.pulsar_token_file.clone().filter(|_| std::env::var_os("TIMELINE_PULSAR_TOKEN").is_none())
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        toml::from_str(text).map_err(|e| Error::Usage(format!("{}: {}", path.display(), e.to_string().trim_end())))
    }
}

#[cfg(test)]
mod tests {
    use super::{HistoryPlace, SettingsFile};
    use crate::output::OutputFormat;
    use std::path::Path;

    /// Each key is a flag and a variable of the same name, and `docs/operations.md` lists it.
    #[cfg(feature = "postgres")]
    #[test]
    fn keys_flags_variables_and_documentation_have_the_same_names() {
        use clap::CommandFactory;
        use std::collections::BTreeSet;
        let error = SettingsFile::parse("unknown = 1", Path::new("t.toml")).unwrap_err().to_string();
        let (_, keys) = error.split_once("expected one of").unwrap();
        let keys: BTreeSet<&str> = keys.split('`').skip(1).step_by(2).collect();
        assert!(keys.len() > 20, "{keys:?}");
        let cli = crate::args::Cli::command();
        let of_commands = cli.get_subcommands().flat_map(|command| command.get_arguments());
        let arguments: Vec<&clap::Arg> = cli.get_arguments().chain(of_commands).collect();
        for key in &keys {
            let (flag, variable) = (key.replace('_', "-"), format!("TIMELINE_{}", key.to_uppercase()));
            let is_own = |argument: &&clap::Arg| {
                argument.get_long() == Some(flag.as_str())
                    && argument.get_env().is_some_and(|env| env == variable.as_str())
            };
            assert!(arguments.iter().any(is_own), "there is no --{flag} with {variable}");
        }
        let list = include_str!("../docs/operations.md").lines().find(|line| line.starts_with("`server`, "));
        let listed: BTreeSet<&str> = list.unwrap().split('`').skip(1).step_by(2).collect();
        assert_eq!(listed, keys);
    }

    #[test]
    fn all_keys() {
        let text =
            "server = 'http://h:1'\nstate = 'd'\nlisten = '[::1]:0'\nformat = 'csv'\ntimeout = '5s'\nthreads = 2\n";
        let settings = SettingsFile::parse(text, Path::new("t")).unwrap();
        assert_eq!(settings.server.as_deref(), Some("http://h:1"));
        assert_eq!(settings.format, Some(OutputFormat::Csv));
        assert_eq!(settings.threads, Some(2));
        let text = "advertise = 'h:2'\nkeep = '1h'\nkeep_results = '90d'\nsubscription = 's'\npulsar_token_file = 't'\npulsar_ca = 'c'\notlp = 'http://h:4318'\n";
        let settings = SettingsFile::parse(text, Path::new("t")).unwrap();
        assert_eq!((settings.keep.as_deref(), settings.subscription.as_deref()), (Some("1h"), Some("s")));
        assert_eq!(settings.keep_results.as_deref(), Some("90d"));
        assert_eq!(settings.otlp.as_deref(), Some("http://h:4318"));
    }

    #[test]
    fn history_is_a_place_or_beside_the_state() {
        let history = |text: &str| SettingsFile::parse(text, Path::new("t.toml")).map(|settings| settings.history);
        assert!(matches!(history("history = true"), Ok(Some(HistoryPlace::Beside(true)))));
        assert!(
            matches!(history("history = 'lake'\nhistory_backlog = '2GiB'"), Ok(Some(HistoryPlace::At(place))) if place == "lake")
        );
        let error = history("history = 1").unwrap_err().to_string();
        assert!(error.starts_with("t.toml: ") && error.contains("`true` for the folder beside the state"), "{error}");
    }

    #[test]
    fn unknown_keys_are_errors() {
        let error = SettingsFile::parse("sever = 'x'", Path::new("t.toml")).unwrap_err().to_string();
        assert!(error.starts_with("t.toml: ") && error.contains("sever") && error.contains("server"), "{error}");
    }
}
