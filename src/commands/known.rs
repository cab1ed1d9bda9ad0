//! `timeline known`: names that a processor knows, for the completions of shells.
//!
//! It is asked at every press of a key, so it says nothing where there is no answer soon, and no more names than can be
//! chosen from.

use crate::args::ServerFlag;
use crate::client::{ArrivingRows, ProcessorClient, WaitFor};
use crate::error::Result;
use crate::settings::SettingsFile;
use arrow::array::AsArray;
use processor::engine::Page;
use std::io::Write;
use std::time::Duration;

/// How many are offered.
const OFFERED_MAX: usize = 100;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Names that a processor knows, a line each: what completions of shells ask for.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline known queries re
  timeline known sessions viewer-1")]
pub(crate) struct Args {
    /// Which ones.
    #[arg(value_enum)]
    kind: NamedKind,
    /// What they begin with.
    #[arg(default_value = "", allow_hyphen_values = true)]
    prefix: String,
    #[command(flatten)]
    server: ServerFlag,
}

/// What has names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum NamedKind {
    /// Metrics and alerts.
    Queries,
    /// Sessions.
    Sessions,
}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let client = args.server.client(settings)?;
    let mut names = texts(ask(&client, args)?)?;
    names.retain(|name| name.starts_with(&args.prefix) && is_plain(name));
    names.sort();
    names.dedup();
    if names.len() > OFFERED_MAX {
        names.truncate(OFFERED_MAX);
        // For people: what a shell asks with passes over standard error.
        eprintln!("timeline: the first {OFFERED_MAX} names; a longer beginning has the others");
    }
    let lines: String = names.into_iter().map(|name| name + "\n").collect();
    Ok(std::io::stdout().write_all(lines.as_bytes())?)
}

fn ask(client: &ProcessorClient, args: &Args) -> Result<ArrivingRows> {
    match args.kind {
        NamedKind::Queries => client.queries(Page::ALL),
        NamedKind::Sessions => {
            let prefix = args.prefix.replace('\'', "''");
            // One more than are offered, which tells that there are more.
            let limit = OFFERED_MAX + 1;
            let sql = format!(
                "SELECT DISTINCT session FROM sessions WHERE starts_with(session, '{prefix}') ORDER BY 1 LIMIT {limit}"
            );
            client.query(&sql, WaitFor { sync: false, timeout: PATIENCE })
        }
    }
}

/// The texts of the first column.
fn texts(rows: ArrivingRows) -> Result<Vec<String>> {
    let mut all = vec![];
    for batch in rows.batches() {
        let batch = batch?;
        let texts = batch.columns().first().and_then(|column| column.as_string_opt::<i32>());
        all.extend(texts.into_iter().flatten().flatten().map(str::to_owned));
    }
    Ok(all)
}

/// Whether a shell takes a name as it is.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:@/+%".contains(&byte);
    !name.is_empty() && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn names_that_a_shell_would_read_otherwise_are_not_offered() {
        assert!(is_plain("s1") && is_plain("user-7.tv:4"));
        for odd in ["", "a b", "$(reboot)", "a;b", "`x`", "a'b", "é"] {
            assert!(!is_plain(odd), "{odd}");
        }
    }
}
