//! History as tables that others read too.

use crate::args::{duration, some_duration};
use crate::error::{Error, Result};
use crate::settings::Settings;
use processor::checkpoint::StateLocation;
use processor::checkpoint::history::HistoryError;
use processor::history::{self, History};
use std::sync::Arc;
use std::time::Duration;

/// Where history is kept in tables, and how.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "History")]
pub(crate) struct HistoryFlags {
    /// Keep the rows of what is over in tables that other tools read too (Delta): a folder, or a prefix of a bucket. The state
    /// notes it, so once is enough.
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX", env = "TIMELINE_HISTORY")]
    history: Option<String>,
    /// The least time between two commits of a partition to a table [default: 1m].
    #[arg(long, value_name = "DURATION", env = "TIMELINE_HISTORY_EVERY", value_parser = duration)]
    history_every: Option<Duration>,
    /// How long rows of tables are kept, by the time of events [default: for ever].
    #[arg(long, value_name = "DURATION", env = "TIMELINE_HISTORY_KEEP", value_parser = some_duration)]
    history_keep: Option<Duration>,
    /// So much of history waits in the state while its tables cannot be written; beyond it reading waits too.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", env = "TIMELINE_HISTORY_BACKLOG", value_parser = size)]
    history_backlog: u64,
}

/// The least time between two commits where nothing is said.
const EVERY: Duration = Duration::from_secs(60);

impl HistoryFlags {
    /// Whether a place is named here.
    pub(super) fn is_named(&self, settings: &Settings) -> bool {
        self.history.is_some() || settings.history.is_some()
    }

    /// What keeps the tables of a state, where anything is to.
    pub(super) fn start(&self, state: &StateLocation, settings: &Settings) -> Result<Option<Arc<History>>> {
        let named = self.history.as_deref().or(settings.history.as_deref());
        let place = match named {
            Some(_) if !history::CAN_KEEP => {
                return Err(Error::Usage("--history: this build was made without the `lake` feature".into()));
            }
            Some(place) => Some(state.keep_history(place).map_err(|error| refused(error, state))?),
            None => state.history().map_err(|error| refused(error, state))?,
        };
        let set = |name: &str, text: &Option<String>| match text.as_deref().map(some_duration) {
            Some(Err(error)) => Err(Error::Usage(format!("timeline.toml: {name}: {error}"))),
            Some(Ok(duration)) => Ok(Some(duration)),
            None => Ok(None),
        };
        let keep = self.history_keep.or(set("history_keep", &settings.history_keep)?);
        let every = self.history_every.or(set("history_every", &settings.history_every)?);
        if let (None, true) = (&place, keep.is_some()) {
            return Err(Error::Usage(
                "--history-keep: this state keeps no history in tables; --history says where".into(),
            ));
        }
        let nanoseconds = |keep: Duration| i64::try_from(keep.as_nanos()).unwrap_or(i64::MAX);
        let options = place.filter(|_| history::CAN_KEEP).map(|place| history::Options {
            place,
            every: every.unwrap_or(EVERY),
            keep: keep.map(nanoseconds),
            backlog: self.history_backlog,
        });
        Ok(options.map(|options| Arc::new(History::start(options))))
    }
}

fn refused(error: HistoryError, state: &StateLocation) -> Error {
    match error {
        HistoryError::Elsewhere { .. } => Error::Usage(format!(
            "--history: {error}\n  help: to move it, stop, copy what is there, call `history.json` in {state} `history-moved.json`, and name the new place"
        )),
        HistoryError::InState(_) => Error::Usage(format!("--history: {error}")),
        HistoryError::Taken(_) => Error::Usage(format!(
            "--history: {error}\n  help: name an empty place; if they are this state's own, moved there, call `history.json` in {state} `history-moved.json`"
        )),
        HistoryError::Place(error) => Error::Usage(format!("--history {error}")),
        HistoryError::State(error) => Error::Unreachable(format!("--history: {error}")),
    }
}

/// `64MiB`, or bytes.
fn size(text: &str) -> std::result::Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor = match &text[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1_u64 << 40,
        _ => return Err("write bytes, or a size such as 64MiB or 2GiB".into()),
    };
    let count: u64 = digits.parse().map_err(|_| "write bytes, or a size such as 64MiB or 2GiB".to_owned())?;
    count.checked_mul(factor).ok_or_else(|| "that is too much".to_owned())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes() {
        assert_eq!((size("64MiB"), size("17"), size("2GiB")), (Ok(64 << 20), Ok(17), Ok(2 << 30)));
        for wrong in ["", "MiB", "1.5GiB", "3 MB", "99999999999TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
