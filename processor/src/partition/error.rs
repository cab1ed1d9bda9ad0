//! Why a partition stopped.

use crate::code::StateCode;
use crate::lane::image;
use crate::pipeline::LaneLost;
use crate::{checkpoint, outputs, results};
use event_feeder::RecordCode;
use timeline_core::plan::RULES;

/// Why a partition stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log is not what it was, or cannot be read.
    #[error(transparent)]
    Source(#[from] event_feeder::Error),
    /// The state cannot be read or written, or somebody else owns it now.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// Committed history.
    #[error(transparent)]
    Results(#[from] results::Error),
    /// A segment is not one of this plan.
    #[error("{file}: {error}")]
    Image {
        /// The segment.
        file: String,
        /// What is wrong with it.
        error: image::ImageError,
    },
    /// A segment is no Arrow file, or a checkpoint's facts are not those of one.
    #[error("{object}: {reason}")]
    Malformed {
        /// What.
        object: String,
        /// Why.
        reason: String,
    },
    /// A place of the state that was begun is not there any more.
    #[error(
        "[TL3101] {folder} was begun, and nothing is there: put it back from a copy; a state that is taken for a new one \
         would answer without what it had"
    )]
    Gone {
        /// The place.
        folder: String,
    },
    /// Places were begun, and the programs for them are not there any more.
    #[error(
        "[TL3102] {folder} was begun, and no program is there: put `programs` back from a copy, or start with an empty state"
    )]
    NoPrograms {
        /// One of the places.
        folder: String,
    },
    /// A worker panicked.
    #[error(transparent)]
    LaneThread(#[from] LaneLost),
    /// It is to be read from now on, but nobody says where its log ends.
    #[error("where the log ends now could not be learnt in time, so queries cannot begin there")]
    NoEnd,
    /// Messages that are to be published are broken.
    #[error("[{}] {file}: {problem}; nothing was published of it\n  help: {help}", StateCode::Owed)]
    Owed {
        /// The file's name within the job's state.
        file: String,
        /// What is wrong with it.
        problem: checkpoint::ObjectProblem,
        /// What to do.
        help: String,
    },
    /// Kept events cannot be read or written.
    #[error(transparent)]
    Kept(#[from] crate::retained::Error),
    /// Other queries need the log from its start, and that is gone.
    #[error(
        "the queries are others than those of the last checkpoint, and the log from its start is not kept: \
         go on with the queries that were deployed before"
    )]
    NotKept,
    /// The rules of the language have changed, and the log from its start is gone.
    #[error("[{}] the state was written under older rules of the language, and the log from its start is not kept; {}",
        RecordCode::OlderRules, RecordCode::OlderRules.help())]
    OlderRules,
}

impl Error {
    /// Why a log cannot be read again whose state was written under rules of that version.
    pub(super) fn not_kept(rules: u32) -> Self {
        if rules == RULES { Error::NotKept } else { Error::OlderRules }
    }
}

impl From<outputs::Error> for Error {
    fn from(error: outputs::Error) -> Self {
        match error {
            outputs::Error::Checkpoint(error) => Error::Checkpoint(error),
            outputs::Error::Arrow(error) => Error::Malformed { object: "an outbox".into(), reason: error.to_string() },
            outputs::Error::Malformed { file, reason } => Error::Malformed { object: file, reason },
        }
    }
}
