//! Where a log goes.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output.
    Stdout,
    /// A file, which is made if need be and appended to.
    File(PathBuf),
    /// A topic of Apache Pulsar.
    #[cfg(feature = "pulsar")]
    Topic(event_feeder::pulsar::Address),
}

/// Why a log cannot go there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not the address of a topic.
    #[cfg(feature = "pulsar")]
    #[error(transparent)]
    Address(#[from] event_feeder::pulsar::AddressError),
    /// An address that this build knows nothing of.
    #[error("`{0}://` is not supported in this build: write to a file or to `-`")]
    NotSupported(String),
    /// Nothing at all.
    #[error("the name of a file, or `-` for standard output")]
    Empty,
}

impl FromStr for LogTarget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match (text, text.split_once("://")) {
            ("", _) => Err(Error::Empty),
            ("-", _) => Ok(LogTarget::Stdout),
            #[cfg(feature = "pulsar")]
            (text, _) if event_feeder::pulsar::Address::is_meant(text) => Ok(LogTarget::Topic(text.parse()?)),
            (_, Some((scheme, _))) => Err(Error::NotSupported(scheme.to_owned())),
            (path, None) => Ok(LogTarget::File(path.strip_prefix("file:").unwrap_or(path).into())),
        }
    }
}

impl LogTarget {
    /// Makes it ready to be written to.
    pub(super) fn open(&self) -> io::Result<Box<dyn Write>> {
        Ok(match self {
            // A lock would be of no use: nothing else of the process writes there while a log does.
            LogTarget::Stdout => Box::new(io::stdout()),
            #[cfg(feature = "pulsar")]
            LogTarget::Topic(_) => return Err(io::Error::other("a topic is no file")),
            LogTarget::File(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
        })
    }
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogTarget::Stdout => f.write_str("standard output"),
            LogTarget::File(path) => path.display().fmt(f),
            #[cfg(feature = "pulsar")]
            LogTarget::Topic(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_where_it_goes() {
        assert_eq!("-".parse(), Ok(LogTarget::Stdout));
        assert_eq!("a/b.ndjson".parse(), Ok(LogTarget::File("a/b.ndjson".into())));
        assert_eq!("file:b.ndjson".parse(), Ok(LogTarget::File("b.ndjson".into())));
        assert_eq!("kafka://localhost/t".parse::<LogTarget>(), Err(Error::NotSupported("kafka".into())));
        #[cfg(feature = "pulsar")]
        assert_eq!("pulsar://h:1/t".parse::<LogTarget>().map(|target| target.to_string()), Ok("pulsar://h:1/t".into()));
        #[cfg(feature = "pulsar")]
        assert!(matches!("pulsar://h:1".parse::<LogTarget>(), Err(Error::Address(_))));
        assert_eq!("".parse::<LogTarget>(), Err(Error::Empty));
    }
}
