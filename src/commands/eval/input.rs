//! What `eval` reads, as the command line says it: inputs bound to sources, and the instant at which to stop.

use crate::args::{rfc3339, scaled_decimal};
use crate::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use timeline_core::Time;
use timeline_core::plan::{Plan, TimeUnit};

/// One file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InputFile {
    /// The source of the program that it is bound to; needed where there are several.
    pub(super) source: Option<String>,
    /// The file, or a pattern of files; `-` is standard input.
    pub(super) path: String,
}

impl InputFile {
    /// `FILE`, `-` or `NAME=FILE`. A file whose own name has such a form is taken for itself if it is there.
    pub(super) fn parse(text: &str) -> Self {
        let bound = text.split_once('=').filter(|(name, _)| is_name(name) && !Path::new(text).exists());
        match bound {
            Some((name, path)) => InputFile { source: Some(name.to_owned()), path: path.into() },
            None => InputFile { source: None, path: text.into() },
        }
    }

    /// Whether it is standard input.
    pub(super) fn is_stdin(&self) -> bool {
        self.path == "-"
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The inputs of each source of each plan, in their order.
pub(super) fn bind(plans: &[Arc<Plan>], inputs: Vec<InputFile>) -> Result<Vec<Vec<Vec<InputFile>>>> {
    let all: Vec<&str> = plans.iter().flat_map(|plan| plan.sources()).map(|source| source.name.as_str()).collect();
    let mut bound = vec![vec![]; all.len()];
    for input in inputs {
        let source = match &input.source {
            None if all.len() == 1 => 0,
            None => {
                return Err(Error::Usage(format!(
                    "which source is {}? write NAME={0}, with one of {}",
                    input.path,
                    all.join(", ")
                )));
            }
            Some(name) => all.iter().position(|known| known == name).ok_or_else(|| {
                let all = all.join(", ");
                Error::Usage(format!("{name}={}: the program reads no source `{name}`, but {all}", input.path))
            })?,
        };
        bound[source].push(input);
    }
    if let Some(source) = bound.iter().position(Vec::is_empty) {
        let name = all[source];
        return Err(Error::Usage(format!("which files does the source `{name}` have? write {name}=FILE")));
    }
    let mut bound = bound.into_iter();
    Ok(plans.iter().map(|plan| bound.by_ref().take(plan.sources().count()).collect()).collect())
}

/// The instant of `--until`: RFC 3339, or a number as the source writes its times.
pub(super) fn until(text: &str, unit: &TimeUnit) -> Result<Time> {
    let number =
        unit.nanoseconds().and_then(|unit| scaled_decimal(text, unit.into())).and_then(|ns| Time::try_from(ns).ok());
    rfc3339(text).or(number).ok_or_else(|| {
        let or_number = match unit {
            TimeUnit::Rfc3339 | TimeUnit::Format(_) => String::new(),
            TimeUnit::Nanoseconds | TimeUnit::Microseconds | TimeUnit::Milliseconds | TimeUnit::Seconds => {
                format!(", or a number in the unit of the source's times ({})", unit.name())
            }
        };
        Error::Usage(format!("--until: `{text}` is not an instant; write RFC 3339{or_number}"))
    })
}

#[cfg(test)]
mod tests {
    use super::{InputFile, until};
    use timeline_core::plan::TimeUnit;

    #[test]
    fn inputs() {
        let input = |source: Option<&str>, path: &str| InputFile { source: source.map(Into::into), path: path.into() };
        assert_eq!(InputFile::parse("a.ndjson"), input(None, "a.ndjson"));
        assert_eq!(InputFile::parse("player=a=b.csv"), input(Some("player"), "a=b.csv"));
        assert_eq!(InputFile::parse("dir/day=1/a.parquet"), input(None, "dir/day=1/a.parquet"));
        assert_eq!(InputFile::parse("1=2"), input(None, "1=2"));
        assert!(InputFile::parse("p=-").is_stdin());
    }

    #[test]
    fn until_is_in_the_sources_unit() {
        assert_eq!(until("40", &TimeUnit::Seconds).unwrap(), 40_000_000_000);
        assert_eq!(until("1.5", &TimeUnit::Milliseconds).unwrap(), 1_500_000);
        assert_eq!(until("-1", &TimeUnit::Nanoseconds).unwrap(), -1);
        assert_eq!(until("1970-01-01T00:00:02Z", &TimeUnit::Microseconds).unwrap(), 2_000_000_000);
        assert!(until("40", &TimeUnit::Rfc3339).is_err());
        assert!(until("0.5", &TimeUnit::Nanoseconds).is_err());
        assert!(until("9223372036854775807", &TimeUnit::Seconds).is_err());
    }
}
