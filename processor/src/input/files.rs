//! Files as a log of one partition.

use super::{From, Log, Part};
use event_feeder::file::{self, Mode, Options};
use event_feeder::{Error, FileSource, Sniffed, Source, fields_read, sniff_file};
use timeline_core::plan::Plan;

/// All files that some names and patterns match, in the order of their names.
#[derive(Clone, Debug)]
pub struct Files {
    patterns: Vec<String>,
}

impl Files {
    /// The files of these names and patterns.
    pub fn new(patterns: Vec<String>) -> Self {
        Files { patterns }
    }
}

impl Log for Files {
    fn partitions(&self) -> Result<Vec<Part>, Error> {
        Ok(vec![Part { number: 0, folder: String::new(), name: self.patterns.join(" ") }])
    }

    fn open(&self, _: &Part, plan: &Plan, source: usize, from: Option<&From>) -> Result<Box<dyn Source>, Error> {
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
