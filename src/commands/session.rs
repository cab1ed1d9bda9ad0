//! `timeline session`: every timeline of one session, drawn; or what was true of it at an instant, and why.

mod picture;

use super::answer::{bare, shown, tell, tell_notes};
use crate::args::{ServerFlag, SyncFlags, rfc3339, scaled_decimal};
use crate::client::ReplySession;
use crate::draw::{Style, draw};
use crate::error::{Error, Result};
use crate::output::table;
use crate::output::text::time_string;
use crate::settings::SettingsFile;
use std::fmt::Write as _;
use std::io::Write as _;

/// Draw every timeline of one session; with `--at` say what each was at that instant, and the event that caused it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  timeline session viewer-17
  timeline session viewer-17 --at +41s
  timeline session viewer-17 --at 2026-01-02T03:04:05.5Z --query cirr

An instant is RFC 3339, an integer of nanoseconds since the Unix epoch (as in `start_ns`),
or +DURATION since the (last) session began, as on the axis of the drawing.")]
pub(crate) struct Args {
    /// The session's key; several key columns are separated as in the column `session`.
    #[arg(value_name = "KEY")]
    key: String,
    /// An instant.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = instant)]
    at: Option<InstantArgument>,
    /// Only the timelines of this metric or alert.
    #[arg(long, value_name = "NAME")]
    query: Option<String>,
    /// Draw with ASCII characters only.
    #[arg(long)]
    ascii: bool,
    #[command(flatten)]
    sync: SyncFlags,
    #[command(flatten)]
    server: ServerFlag,
}

/// An instant as users write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InstantArgument {
    /// Nanoseconds since the Unix epoch.
    Absolute(i64),
    /// Nanoseconds since the session began.
    Relative(i64),
}

fn instant(text: &str) -> Result<InstantArgument, String> {
    if let Some(length) = text.strip_prefix('+') {
        let ns = crate::args::duration(length)?.as_nanos();
        return i64::try_from(ns).map(InstantArgument::Relative).map_err(|_| format!("`{text}` is too long"));
    }
    let integer = || scaled_decimal(text, 1).and_then(|ns| i64::try_from(ns).ok());
    rfc3339(text).or_else(integer).map(InstantArgument::Absolute).ok_or_else(|| {
        format!(
            "`{text}` is not an instant; write RFC 3339, +41s since the session began, or an integer of nanoseconds"
        )
    })
}

pub(super) fn run(args: &Args, settings: &SettingsFile) -> Result<()> {
    let client = args.server.client(settings)?;
    let wait = args.sync.wait(settings)?;
    let query = args.query.as_deref();
    let at = match args.at {
        Some(InstantArgument::Relative(since)) => {
            let (reply, _) = client.session(&args.key, None, query, wait)?;
            let last = reply.sessions.last().ok_or_else(|| unknown(&args.key))?;
            Some(last.start_ns.saturating_add(since))
        }
        Some(InstantArgument::Absolute(t)) => Some(t),
        None => None,
    };
    let (reply, positions) = client.session(&args.key, at, query, wait)?;
    if reply.sessions.is_empty() {
        return Err(unknown(&args.key));
    }
    tell_notes(&reply.notes);
    tell(&positions, "; the table partitions says where each is");
    let style = Style::for_stdout(args.ascii);
    let mut text = String::new();
    let then: Vec<&ReplySession> = reply.sessions.iter().filter(|session| at.is_none() || is_at(session)).collect();
    if let (true, Some(at)) = (then.is_empty(), at) {
        return Err(Error::Usage(format!("no session of `{}` was on at {}", args.key, time_string(at))));
    }
    for (i, session) in then.into_iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        text.push_str(&heading(&reply.key, session));
        match at {
            None => text.push_str(&draw(&picture::of(session), &style)),
            Some(at) => text.push_str(&values(session, at)),
        }
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Whether anything is said of the instant that was asked for: nothing is of sessions that were over or had not begun.
fn is_at(session: &ReplySession) -> bool {
    session.rows.iter().any(|row| row.at.is_some())
}

fn unknown(key: &str) -> Error {
    Error::Usage(format!("no session has the key `{key}`"))
}

fn heading(key: &str, session: &ReplySession) -> String {
    let state = if session.closed { "closed" } else { "open" };
    let partial = if session.partial { ", partial: it may have begun before anything was seen of it" } else { "" };
    let windows = match session.windows_left_out {
        0 => String::new(),
        n => format!("{n} earlier windows are left out: `timeline query` has all, in the table finals\n"),
    };
    format!("session {}, {state}{partial}\n{windows}", table::visible(key.as_bytes()))
}

/// Each timeline's value at the instant, and since which event; the labels, which may be long, come last.
fn values(session: &ReplySession, at: i64) -> String {
    let mut rows = vec![["value", "since", "event", "timeline"].map(str::to_owned).to_vec()];
    for row in &session.rows {
        let Some(at) = &row.at else { continue };
        let value = at.value.as_deref().map(shown).unwrap_or_default();
        let since = at.since_ns.or(at.cause.as_ref().map(|cause| cause.time_ns)).map(time_string).unwrap_or_default();
        let mut event = String::new();
        if let Some(cause) = &at.cause {
            if let Some(timer) = &cause.timer {
                // What the clock does, nothing has set.
                let set_by = if cause.record.is_some() { ", set by " } else { "" };
                let _ = write!(event, "timer of {timer}{set_by}");
            }
            if let Some(position) = &cause.position {
                let _ = write!(event, "{} ", bare(position));
            }
            if let Some(record) = &cause.record {
                event.push_str(&shown(record));
            }
        }
        rows.push(vec![value, since, event.trim_end().to_owned(), row.label.clone()]);
    }
    format!("at {}\n{}", time_string(at), table::aligned(&rows, &[true, false, false, false]))
}

#[cfg(test)]
mod tests {
    use super::{InstantArgument, instant};

    #[test]
    fn instants() {
        assert_eq!(instant("+1.5s"), Ok(InstantArgument::Relative(1_500_000_000)));
        assert_eq!(instant("-5"), Ok(InstantArgument::Absolute(-5)));
        assert_eq!(instant("1970-01-01T00:00:01Z"), Ok(InstantArgument::Absolute(1_000_000_000)));
        assert!(instant("soon").is_err());
        assert!(instant("1.5").is_err());
    }
}
