//! Files as a log of one partition.

use super::{Log, LogPartition, StartPosition};
use event_feeder::file::{self, Mode, Options};
use event_feeder::{Error, FileSource, Sniffed, Source, fields_read, sniff_file};
use timeline_core::plan::Plan;

/// All files that some names and patterns match, in the order of their names.
#[derive(Clone, Debug)]
pub struct FilesLog {
    patterns: Vec<String>,
}

impl FilesLog {
    /// The files of these names and patterns.
    pub fn new(patterns: Vec<String>) -> Self {
        FilesLog { patterns }
    }
}

impl Log for FilesLog {
    fn partitions(&self) -> Result<Vec<LogPartition>, Error> {
        Ok(vec![LogPartition { number: 0, folder: String::new(), name: self.patterns.join(" ") }])
    }

    fn open(
        &self,
        _: &LogPartition,
        plan: &Plan,
        source: usize,
        from: Option<&StartPosition>,
    ) -> Result<Box<dyn Source>, Error> {
        let fields = Some(fields_read(plan, source));
        let delimiter = plan.source_at(source).csv.delimiter;
        let options = Options { mode: Mode::Tail, format: None, fields, delimiter };
        Ok(Box::new(match from {
            None => FileSource::open(&self.patterns, options)?,
            Some(from) => FileSource::resume(&self.patterns, options, from.files.clone(), from.position)?,
        }))
    }

    /// The first records of the first file and of the last.
    fn sample(&self, plan: &Plan, source: usize) -> Option<Sniffed> {
        let names = file::expand(&self.patterns).ok()?;
        let look = |name: &String| sniff_file(name, None, plan.source_at(source).csv).ok();
        let mut sample = look(names.first()?)?;
        if let [_, .., last] = &names[..] {
            sample.add(look(last)?);
        }
        Some(sample)
    }

    fn is_live(&self) -> bool {
        false
    }
}
