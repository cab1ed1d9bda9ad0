//! What can stop a command, and the exit code that says so to a script.
//!
//! Every failure of every command becomes one [`Error`], and only `main` turns it into words and an [`Exit`]:
//! so a code of the contract is chosen where the fact is known, by the kind of the error, and nowhere else.

use crate::log;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// The exit codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; also when the reader of our output went away before its end.
    Done = 0,
    /// The answer is "no": a program has errors, a check found a fault. Also anything no other code is for.
    No = 1,
    /// Wrong usage: flags, names or values that make no sense here.
    Usage = 2,
    /// A source or server cannot be reached, or did not answer in time.
    Unreachable = 3,
    /// Input could not be read; nothing was lost.
    Unreadable = 4,
    /// Another owner has taken over.
    Fenced = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Exit {
        match error {
            Error::Output(e) if e.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Error::Program(_) | Error::Output(_) | Error::Other(_) => Exit::No,
            Error::Usage(_) => Exit::Usage,
            Error::Unreachable(_) => Exit::Unreachable,
            Error::Unreadable(_) => Exit::Unreadable,
            Error::Fenced(_) => Exit::Fenced,
        }
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Error {
    /// A program with errors; the text is the rendered diagnostics and is printed as it stands.
    Program(String),
    /// Arguments, names or settings that make no sense.
    Usage(String),
    /// A server or source that cannot be reached or did not answer in time.
    Unreachable(String),
    /// A whole file or stream that cannot be read.
    Unreadable(String),
    /// Another processor owns the state now.
    Fenced(String),
    /// Standard output, or a file we write, does not take what we write.
    Output(io::Error),
    /// Anything else.
    Other(anyhow::Error),
}

impl Error {
    /// A file that cannot be read.
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Error::Unreadable(format!("cannot read {}: {error}", path.display()))
    }

    /// Tells people about it on standard error; a broken pipe is nobody's business.
    pub(crate) fn report(&self) {
        match self {
            Error::Output(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
            error => {
                log::fail(error.to_string().trim_end(), Exit::from(error) as u8);
                match error {
                    _ if log::is_json() => {}
                    Error::Program(rendered) => eprintln!("{}", rendered.trim_end()),
                    other => eprintln!("timeline: {other}"),
                }
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Program(s) | Error::Usage(s) | Error::Unreachable(s) | Error::Unreadable(s) | Error::Fenced(s) => {
                f.write_str(s)
            }
            Error::Output(e) => write!(f, "cannot write the output: {e}"),
            Error::Other(e) => write!(f, "{e:#}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        Error::Output(e)
    }
}

impl From<anyhow::Error> for Error {
    fn from(e: anyhow::Error) -> Self {
        Error::Other(e)
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(e: arrow::error::ArrowError) -> Self {
        match e {
            arrow::error::ArrowError::IoError(_, io) => Error::Output(io),
            other => Error::Other(anyhow::Error::new(other)),
        }
    }
}

impl From<parquet::errors::ParquetError> for Error {
    fn from(e: parquet::errors::ParquetError) -> Self {
        match e {
            parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(io) => Error::Output(*io),
                Err(inner) => Error::Other(anyhow::anyhow!("{inner}")),
            },
            other => Error::Other(anyhow::Error::new(other)),
        }
    }
}

/// What a command gives back.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;
