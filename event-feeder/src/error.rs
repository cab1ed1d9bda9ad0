//! What stops a source, and what it says and goes on after.

use crate::{Format, Gap, Position, RecordCode};
use std::io;

/// Why a source cannot go on. Nothing that was handed out before is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{file}: {error}")]
    Read {
        /// The file's name.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// A file is shorter than what was read of it.
    #[error("{file} has {length} bytes, but {read} had been read of it")]
    Truncated {
        /// The file's name.
        file: String,
        /// Its length now, in bytes.
        length: u64,
        /// How far it had been read, in bytes.
        read: u64,
    },
    /// A name stands for another file than before, or the file's beginning is another one.
    #[error("{file} is not the file that was read under this name: {what}")]
    Replaced {
        /// The file's name.
        file: String,
        /// What differs.
        what: &'static str,
    },
    /// Bytes that had been read of a file are others now.
    #[error("{file} does not begin with the {read} bytes that had been read of it: they were rewritten")]
    Rewritten {
        /// The file's name.
        file: String,
        /// How many had been read.
        read: u64,
    },
    /// The last line of a file, which was read as it stood, is not the record that it was.
    #[error(
        "{file}: what was read up to byte {read} was a whole record without a line feed, and other bytes follow on its line"
    )]
    WentOn {
        /// The file's name.
        file: String,
        /// How far it had been read, in bytes.
        read: u64,
    },
    /// The names and patterns of a source do not stand for the files that were read of it.
    #[error("{patterns}: {what} ({known}); it would be read as if it went on from them")]
    OtherFiles {
        /// The names and patterns, with blanks between them.
        patterns: String,
        /// The first of the files that were read.
        known: String,
        /// What is so.
        what: &'static str,
    },
    /// A file that is still needed is gone.
    #[error("{file} is gone, but the log is needed from byte {read} of it on")]
    Gone {
        /// The file's name.
        file: String,
        /// How far it had been read, in bytes (rows for Parquet).
        read: u64,
    },
    /// A file is not of its format.
    #[error("{file} cannot be read as {format}: {reason}")]
    Format {
        /// The file's name.
        file: String,
        /// The format that was expected.
        format: Format,
        /// What is wrong.
        reason: String,
    },
    /// A file is packed, or of a kind that is not read.
    #[error("{file} cannot be read: it is {what}")]
    Foreign {
        /// The file's name.
        file: String,
        /// What it is.
        what: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// No file has that name or matches that pattern.
    #[error("no file matches {pattern}{}", near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    NoMatch {
        /// The name or pattern.
        pattern: String,
        /// The name of the file in that folder that is most like it, if one is.
        near: Option<String>,
    },
    /// A topic cannot be read now.
    #[error("{topic}: {reason}")]
    Topic {
        /// Its name.
        topic: String,
        /// What it is about.
        code: RecordCode,
        /// What the broker or the system says.
        reason: String,
    },
    /// Sources that share sessions have different numbers of partitions.
    #[error("`{}` has {} partitions and `{}` {}, but they share sessions", .sources[0], .counts[0], .sources[1], .counts[1])]
    Counts {
        /// Two of the sources.
        sources: [String; 2],
        /// How many partitions each has.
        counts: [usize; 2],
    },
    /// A topic no longer holds what comes next.
    #[error("{topic}: {}", gap.reason())]
    Gap {
        /// Its name.
        topic: String,
        /// What is missing.
        gap: Box<Gap>,
    },
    /// A subscription has let go of messages, and whoever reads by it now has no state that has them.
    #[error(
        "{topic}: subscription {subscription} has acknowledged everything before {upto}, and there is no state that has it; \
         the topic holds {}", match gap.to { Some(to) => format!("what came from {to} on"), None => "nothing".into() }
    )]
    Acknowledged {
        /// Its name.
        topic: String,
        /// The subscription's.
        subscription: String,
        /// Behind the last message that it has acknowledged; boxed as the gap is, for every result of the crate is as large as this.
        upto: Box<Position>,
        /// From the topic's start to what it still holds.
        gap: Box<Gap>,
    },
    /// A topic of that name is there, and it is not the one that was read.
    #[error("{topic} ends at {end}, before {read} that had been read of it: it is another topic of the same name")]
    OtherTopic {
        /// Its name.
        topic: String,
        /// Where it ends.
        end: Position,
        /// Up to where the one of that name had been read.
        read: Position,
    },
    /// A name that is not UTF-8.
    #[error("the name of {file} is not UTF-8")]
    Name {
        /// The name, with replacement characters.
        file: String,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> RecordCode {
        match self {
            Error::Read { .. } => RecordCode::Unreadable,
            Error::Truncated { .. } => RecordCode::Truncated,
            Error::Replaced { .. } => RecordCode::Replaced,
            Error::Rewritten { .. } => RecordCode::Rewritten,
            Error::WentOn { .. } => RecordCode::WentOn,
            Error::OtherFiles { .. } => RecordCode::OtherFiles,
            Error::Gone { .. } => RecordCode::Gone,
            Error::Format { .. } => RecordCode::BadFormat,
            Error::Foreign { .. } => RecordCode::Foreign,
            Error::NoMatch { .. } => RecordCode::NoMatch,
            Error::Name { .. } => RecordCode::BadName,
            Error::Counts { .. } => RecordCode::CountsDiffer,
            Error::Topic { code, .. } => *code,
            Error::Gap { .. } => RecordCode::Lost,
            Error::Acknowledged { .. } => RecordCode::Acknowledged,
            Error::OtherTopic { .. } => RecordCode::OtherTopic,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Error::Foreign { help, .. } => help,
            Error::Read { .. }
            | Error::Truncated { .. }
            | Error::Replaced { .. }
            | Error::Rewritten { .. }
            | Error::WentOn { .. }
            | Error::Acknowledged { .. }
            | Error::OtherFiles { .. }
            | Error::Gone { .. }
            | Error::Format { .. }
            | Error::NoMatch { .. }
            | Error::Topic { .. }
            | Error::Counts { .. }
            | Error::Gap { .. }
            | Error::OtherTopic { .. }
            | Error::Name { .. } => self.code().help(),
        }
    }

    pub(crate) fn read(file: &str) -> impl Fn(io::Error) -> Error + '_ {
        move |error| Error::Read { file: file.to_owned(), error }
    }
}

/// Something that was set aside while the source goes on; it should be said once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The stable code.
    pub code: RecordCode,
    /// The file.
    pub file: String,
    /// What is so, as a sentence without the file's name.
    pub detail: String,
}
