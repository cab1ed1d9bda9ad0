//! Where a log goes.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
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

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match (text, text.split_once("://")) {
            ("", _) => Err(Error::Empty),
            ("-", _) => Ok(Target::Stdout),
            #[cfg(feature = "pulsar")]
            (text, _) if event_feeder::pulsar::Address::is_meant(text) => Ok(Target::Topic(text.parse()?)),
            (_, Some((scheme, _))) => Err(Error::NotSupported(scheme.to_owned())),
            (path, None) => Ok(Target::File(path.strip_prefix("file:").unwrap_or(path).into())),
        }
    }
}

impl Target {
    /// Makes it ready to be written to.
    pub(super) fn open(&self) -> io::Result<Box<dyn Write>> {
        Ok(match self {
            // A lock would be of no use: nothing else of the process writes there while a log does.
            Target::Stdout => Box::new(io::stdout()),
            #[cfg(feature = "pulsar")]
            Target::Topic(_) => return Err(io::Error::other("a topic is no file")),
            Target::File(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Stdout => f.write_str("standard output"),
            Target::File(path) => path.display().fmt(f),
            #[cfg(feature = "pulsar")]
            Target::Topic(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_where_it_goes() {
        assert_eq!("-".parse(), Ok(Target::Stdout));
        assert_eq!("a/b.ndjson".parse(), Ok(Target::File("a/b.ndjson".into())));
        assert_eq!("file:b.ndjson".parse(), Ok(Target::File("b.ndjson".into())));
        assert_eq!("kafka://localhost/t".parse::<Target>(), Err(Error::NotSupported("kafka".into())));
        #[cfg(feature = "pulsar")]
        assert_eq!("pulsar://h:1/t".parse::<Target>().map(|target| target.to_string()), Ok("pulsar://h:1/t".into()));
        #[cfg(feature = "pulsar")]
        assert!(matches!("pulsar://h:1".parse::<Target>(), Err(Error::Address(_))));
        assert_eq!("".parse::<Target>(), Err(Error::Empty));
    }
}
