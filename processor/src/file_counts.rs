//! How many records of each file of a log were read, and how many of them are events: a file that gives none is named, for a
//! name that is not quite right, or an export that failed, is no error anywhere else. Pure.

use event_feeder::{Notice, RecordCode};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many files without an event are named.
const NAMED: usize = 3;

/// Records and events by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileCounts(BTreeMap<Arc<str>, (u64, u64)>);

/// A file without an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmptyFile {
    /// Its name.
    pub name: String,
    /// How many records it has, none of which counts.
    pub records: u64,
}

impl FileCounts {
    /// Counts what was read of a file.
    pub fn add(&mut self, file: &Arc<str>, records: u64, events: u64) {
        let (all, usable) = self.0.entry(Arc::clone(file)).or_default();
        (*all, *usable) = (*all + records, *usable + events);
    }

    /// Those of some files of which no event was read.
    pub fn without_events<'a>(&self, files: impl Iterator<Item = &'a str>) -> Vec<EmptyFile> {
        let of = |name: &'a str| match self.0.get(name) {
            None => Some(EmptyFile { name: name.to_owned(), records: 0 }),
            Some((records, 0)) => Some(EmptyFile { name: name.to_owned(), records: *records }),
            Some(_) => None,
        };
        files.filter_map(of).collect()
    }
}

/// What there is to say of a source's files without events.
pub fn no_events(source: &str, files: &[EmptyFile]) -> Option<Notice> {
    let of = |EmptyFile { name, records }: &EmptyFile| match records {
        0 => format!("{name} (0 records)"),
        1 => format!("{name} (1 record, which does not count)"),
        records => format!("{name} ({records} records, none of which counts)"),
    };
    let named: Vec<String> = files.iter().take(NAMED).map(of).collect();
    let more = match files.len().saturating_sub(NAMED) {
        0 => String::new(),
        1 => ", and of one more file".to_owned(),
        more => format!(", and of {more} more files"),
    };
    let detail = format!("no events were read of {}{more}", named.join(", "));
    (!files.is_empty()).then(|| Notice { code: RecordCode::NoEvents, file: source.to_owned(), detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_events_are_named_with_what_they_have() {
        let mut counts = FileCounts::default();
        let says = |counts: &FileCounts, names: &[&str]| {
            no_events("s", &counts.without_events(names.iter().copied())).map(|notice| notice.detail)
        };
        counts.add(&"a".into(), 3, 2);
        counts.add(&"b".into(), 2, 0);
        counts.add(&"b".into(), 2, 0);
        assert_eq!(says(&counts, &["a"]), None);
        assert_eq!(says(&counts, &[]), None);
        let said = "no events were read of b (4 records, none of which counts), c (0 records)";
        assert_eq!(says(&counts, &["a", "b", "c"]).as_deref(), Some(said));
        let many = says(&counts, &["c", "d", "e", "f", "g"]).unwrap();
        assert_eq!(many, "no events were read of c (0 records), d (0 records), e (0 records), and of 2 more files");
    }
}
