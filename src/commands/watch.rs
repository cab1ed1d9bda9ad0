//! `timeline watch`: answers as they change.
//!
//! On a terminal the last answer stands alone on the screen; as lines of JSON only what changed is written, so that they
//! can be piped; as a table elsewhere, or as JSON, every answer is written in full.

mod changes;

use super::answer::shown;
use super::nothing;
use crate::args::ServerFlag;
use crate::client::WatchedRow;
use crate::error::{Error, Result};
use crate::output::{OutputFormat, table};
use crate::settings::SettingsFile;
use changes::RowChanges;
use serde_json::value::RawValue;
use std::io::{IsTerminal, Write, stdout};

/// Follow a metric, an alert or a question: live answers as they change.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline watch cirr
  timeline watch \"SELECT cdn, sum FROM totals WHERE metric = 'cirr'\"
  timeline watch cirr --format jsonl | jq 'select(.removed | not)'")]
pub(crate) struct Args {
    /// A name, or a question in SQL (anything with white space in it).
    #[arg(value_name = "NAME|SQL")]
    what: String,
    /// How answers are written [default: table on a terminal, jsonl otherwise].
    #[arg(long, value_enum, env = "TIMELINE_FORMAT")]
    format: Option<LiveFormat>,
    #[command(flatten)]
    server: ServerFlag,
}

/// How answers are written that come again and again: a file of another format is one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LiveFormat {
    /// Aligned columns for people.
    Table,
    /// One JSON array an answer.
    Json,
    /// One JSON object a line, of what is new or has changed; what is gone has `"removed": true`.
    Jsonl,
}

impl LiveFormat {
    /// The format of the settings, or the one that fits standard output.
    fn usual(settings: &SettingsFile) -> Result<LiveFormat> {
        match settings.format.unwrap_or_else(OutputFormat::for_stdout) {
            OutputFormat::Table => Ok(LiveFormat::Table),
            OutputFormat::Json => Ok(LiveFormat::Json),
            OutputFormat::Jsonl => Ok(LiveFormat::Jsonl),
            OutputFormat::Csv | OutputFormat::Arrow | OutputFormat::Parquet => Err(Error::Usage(
                "watch writes table, json (an array an answer) or jsonl, and the settings have another format\n  \
                 help: --format jsonl"
                    .into(),
            )),
        }
    }
}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let format = args.format.map_or_else(|| LiveFormat::usual(settings), Ok)?;
    let parameter = if args.what.contains(char::is_whitespace) { "sql" } else { "name" };
    let client = args.server.client(settings)?;
    let watch = client.watch(parameter, &args.what)?;
    let mut out = stdout();
    let mut changes = RowChanges::default();
    for (n, answer) in watch.enumerate() {
        let answer = answer?;
        if n == 0 && !tells(&answer) {
            nothing::tell_of_processor(&client, &args.what);
        }
        let text = match format {
            LiveFormat::Table => screen(&answer, out.is_terminal())?,
            LiveFormat::Json => format!("[{}]\n", joined(&answer, ",")),
            LiveFormat::Jsonl => changes.lines(&answer),
        };
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    Err(Error::Unreachable("the server has ended".into()))
}

/// Whether rows have any value but nulls and zeros, which an aggregate of no rows has.
fn tells(rows: &[Box<RawValue>]) -> bool {
    let is_something = |value: &RawValue| !matches!(value.get(), "null" | "0" | "0.0");
    // What cannot be read is said where it is shown.
    let any = |row: &RawValue| {
        serde_json::from_str(row.get()).map_or(true, |WatchedRow(all)| all.iter().any(|(_, v)| is_something(v)))
    };
    rows.iter().any(|row| any(row))
}

fn joined(rows: &[Box<RawValue>], separator: &str) -> String {
    rows.iter().map(|row| row.get()).collect::<Vec<_>>().join(separator)
}

/// The rows as a table, over what the screen showed before.
fn screen(answer: &[Box<RawValue>], terminal: bool) -> Result<String> {
    let unreadable = |e| Error::Other(anyhow::anyhow!("the server's rows cannot be read: {e}"));
    let rows: Vec<WatchedRow> =
        answer.iter().map(|row| serde_json::from_str(row.get())).collect::<Result<_, _>>().map_err(unreadable)?;
    let mut text = String::from(if terminal { "\x1b[H\x1b[2J" } else { "" });
    text.push_str(&rows_table(&rows));
    if !terminal {
        text.push('\n');
    }
    Ok(text)
}

/// Aligned columns, in the order of the first row; counts of nanoseconds stay out where the time itself is there.
fn rows_table(rows: &[WatchedRow]) -> String {
    let Some(first) = rows.first() else { return "(no rows)\n".into() };
    let has = |name: &str| first.0.iter().any(|(n, _)| n == name);
    let names: Vec<&str> =
        first.0.iter().map(|(n, _)| n.as_str()).filter(|n| !n.strip_suffix("_ns").is_some_and(has)).collect();
    let value =
        |row: &WatchedRow, name: &str| row.0.iter().find(|(n, _)| n == name).map(|(_, v)| shown(v)).unwrap_or_default();
    let right: Vec<bool> = names
        .iter()
        .map(|name| rows.iter().flat_map(|r| &r.0).filter(|(n, _)| n == name).all(|(_, v)| is_number_or_null(v)))
        .collect();
    let mut lines = vec![names.iter().map(|n| table::visible(n.as_bytes())).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| names.iter().map(|name| value(row, name)).collect()));
    table::aligned(&lines, &right)
}

fn is_number_or_null(value: &RawValue) -> bool {
    value.get().starts_with(|c: char| c == '-' || c == 'n' || c.is_ascii_digit())
}
