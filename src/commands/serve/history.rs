//! History as tables that others read too.

use crate::args::{duration, some_duration};
use crate::error::{Error, Result};
use crate::settings::{HistoryPlace, SettingsFile};
use processor::checkpoint::StateLocation;
use processor::checkpoint::history::HistoryError;
use processor::code::StateCode;
use processor::history::{self, History};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Where history is kept in tables, and how.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "History")]
pub(crate) struct HistoryFlags {
    /// Keep the rows of what is over in tables that other tools read too (Delta): in a folder, or a prefix of a bucket, and
    /// without a value in STATE-history beside the state. The state notes it, so once is enough.
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX", env = "TIMELINE_HISTORY")]
    history: Option<Option<String>>,
    /// The least time between two commits of a partition to a table [default: 1m].
    #[arg(long, value_name = "DURATION", env = "TIMELINE_HISTORY_EVERY", value_parser = duration)]
    history_every: Option<Duration>,
    /// How long rows of tables are kept, by the time of events [default: for ever].
    #[arg(long, value_name = "DURATION", env = "TIMELINE_HISTORY_KEEP", value_parser = some_duration)]
    history_keep: Option<Duration>,
    /// So much of history waits in the state while its tables cannot be written; beyond it reading waits too [default: 1GiB].
    #[arg(long, value_name = "SIZE", env = "TIMELINE_HISTORY_BACKLOG", value_parser = size)]
    history_backlog: Option<u64>,
}

/// The least time between two commits where nothing is said.
const EVERY: Duration = Duration::from_secs(60);
/// So many bytes wait at the most where nothing is said.
const BACKLOG: u64 = 1 << 30;

/// Where history is asked for.
#[derive(Debug, PartialEq, Eq)]
enum HistorySource<'a> {
    /// Nowhere: the state knows whether it has one.
    Nowhere,
    /// Beside the state, or where the state says.
    Beside,
    /// In a place that is named.
    At(&'a str),
}

impl HistoryFlags {
    /// Whether a place is named here.
    pub(super) fn is_named(&self, settings: &SettingsFile) -> bool {
        self.asked(settings) != HistorySource::Nowhere
    }

    fn asked<'a>(&'a self, settings: &'a SettingsFile) -> HistorySource<'a> {
        match (&self.history, &settings.history) {
            (Some(Some(place)), _) | (None, Some(HistoryPlace::At(place))) => HistorySource::At(place),
            (Some(None), _) | (None, Some(HistoryPlace::Beside(true))) => HistorySource::Beside,
            (None, None | Some(HistoryPlace::Beside(false))) => HistorySource::Nowhere,
        }
    }

    /// What keeps the tables of a state, where anything is to.
    pub(super) fn start(&self, state: &StateLocation, settings: &SettingsFile) -> Result<Option<Arc<History>>> {
        let asked = self.asked(settings);
        if asked != HistorySource::Nowhere && !history::CAN_KEEP {
            return Err(Error::Usage("--history: this build was made without the `lake` feature".into()));
        }
        let backlog = match (self.history_backlog, &settings.history_backlog) {
            (Some(bytes), _) => bytes,
            (None, Some(text)) => {
                size(text).map_err(|error| Error::Usage(format!("timeline.toml: history_backlog: {error}")))?
            }
            (None, None) => BACKLOG,
        };
        let set = |name: &str, text: &Option<String>| match text.as_deref().map(some_duration) {
            Some(Err(error)) => Err(Error::Usage(format!("timeline.toml: {name}: {error}"))),
            Some(Ok(duration)) => Ok(Some(duration)),
            None => Ok(None),
        };
        let keep = self.history_keep.or(set("history_keep", &settings.history_keep)?);
        let every = self.history_every.or(set("history_every", &settings.history_every)?);
        let place = match asked {
            HistorySource::At(place) => {
                check_place(place)?;
                state.keep_history(place).map(Some)
            }
            HistorySource::Beside => state.usual_history().and_then(|place| state.keep_history(&place)).map(Some),
            HistorySource::Nowhere => state.history(),
        };
        let place = place.map_err(|error| refused(error, state))?;
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
            backlog,
        });
        Ok(options.map(|options| Arc::new(History::start(options))))
    }
}

/// Refuses what was not meant as a place: an empty one, and a program that a flag without a value would swallow.
fn check_place(place: &str) -> Result<()> {
    if place.trim().is_empty() {
        return Err(Error::Usage(
            "--history: the place is empty; name a folder or s3://BUCKET/PREFIX, or leave `=` out for the folder beside the state"
                .into(),
        ));
    }
    let path = Path::new(place);
    if path.extension().is_some_and(|extension| extension == "tl") || path.is_file() {
        return Err(Error::Usage(format!(
            "--history: {place} is a file, and tables need a folder; to keep them beside the state, name programs before the flag: `timeline serve {place} --history`"
        )));
    }
    Ok(())
}

fn refused(error: HistoryError, state: &StateLocation) -> Error {
    match error {
        HistoryError::Elsewhere { .. } => Error::Usage(format!(
            "--history: {error}\n  help: to move it, stop, copy what is there, call `history.json` in {state} `history-moved.json`, and name the new place"
        )),
        HistoryError::InState(_) | HistoryError::Nameless(_) => Error::Usage(format!("--history: {error}")),
        HistoryError::Taken(_) => Error::Usage(format!(
            "--history: {error}\n  help: name an empty place; if they are this state's own, moved there, call `history.json` in {state} `history-moved.json`"
        )),
        HistoryError::Place(error) => Error::Usage(format!("--history {error}")),
        HistoryError::State(error) => {
            let is_silent = error.to_string().contains(StateCode::StoreSilent.as_str());
            let more = if is_silent { "\n  help: --start-timeout allows more" } else { "" };
            Error::Unreachable(format!("where the history of {state} is cannot be told: {error}{more}"))
        }
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
    use super::{HistoryFlags, HistorySource, check_place, size};
    use crate::settings::{HistoryPlace, SettingsFile};
    use clap::Parser;

    #[derive(Parser)]
    struct HistoryLine {
        programs: Vec<String>,
        #[command(flatten)]
        history: HistoryFlags,
    }

    #[test]
    fn sizes() {
        assert_eq!((size("64MiB"), size("17"), size("2GiB")), (Ok(64 << 20), Ok(17), Ok(2 << 30)));
        for wrong in ["", "MiB", "1.5GiB", "3 MB", "99999999999TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_flag_without_a_value_is_beside_the_state_and_wins_over_the_settings() {
        let at =
            |place: &str| SettingsFile { history: Some(HistoryPlace::At(place.into())), ..SettingsFile::default() };
        let beside = |yes| SettingsFile { history: Some(HistoryPlace::Beside(yes)), ..SettingsFile::default() };
        let line = |words: &[&str]| {
            HistoryLine::try_parse_from(["serve"].iter().chain(words)).unwrap_or_else(|e| panic!("{e}"))
        };
        let bare = line(&["p.tl", "--history"]);
        assert_eq!(bare.programs, ["p.tl"]);
        assert_eq!(bare.history.asked(&at("lake")), HistorySource::Beside);
        assert_eq!(
            line(&["--history", "--history-every", "5s"]).history.asked(&SettingsFile::default()),
            HistorySource::Beside
        );
        assert_eq!(line(&["--history", "x"]).history.asked(&beside(true)), HistorySource::At("x"));
        assert_eq!(line(&["--history="]).history.asked(&beside(true)), HistorySource::At(""));
        let none = line(&[]).history;
        assert_eq!(none.asked(&SettingsFile::default()), HistorySource::Nowhere);
        assert_eq!(none.asked(&beside(true)), HistorySource::Beside);
        assert_eq!(none.asked(&beside(false)), HistorySource::Nowhere);
        assert_eq!(none.asked(&at("lake")), HistorySource::At("lake"));
    }

    #[test]
    fn what_was_not_meant_as_a_place_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for wrong in ["", " ", "video.tl", file.path().to_str().unwrap()] {
            assert!(check_place(wrong).is_err(), "{wrong}");
        }
        for place in ["lake", "s3://bucket/history", "s3://"] {
            assert!(check_place(place).is_ok(), "{place}");
        }
    }
}
