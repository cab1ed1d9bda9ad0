//! How far the files of an evaluation are read.

use crate::progress::{ProgressCount, ProgressReport, ProgressUnit};
use event_feeder::{Error, Next, Notice, Payload, Position, Source, Target, file};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is read of files that are read together.
pub(super) struct FilesReading {
    progress: ProgressReport,
    /// Bytes of all files, where those that are read are those of the files.
    total: Option<u64>,
    bytes: AtomicU64,
    rows: AtomicU64,
}

impl FilesReading {
    /// Of files; of one that is quiet nothing is ever said.
    pub(super) fn new(paths: &[&str], is_quiet: bool) -> Arc<FilesReading> {
        let (bytes, rows) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(FilesReading { progress: ProgressReport::new(is_quiet), total: total(paths), bytes, rows })
    }

    /// A source, followed.
    pub(super) fn follow(self: &Arc<Self>, source: Box<dyn Source>) -> Box<dyn Source> {
        Box::new(Followed { source, reading: Arc::clone(self) })
    }

    fn add(&self, payload: &Payload) {
        let (new_bytes, new_rows) = match payload {
            Payload::Rows(rows) => (0, rows.num_rows() as u64),
            Payload::Lines(_) | Payload::Csv { .. } | Payload::TooLong(_) => (payload.bytes(), 0),
        };
        let bytes = self.bytes.fetch_add(new_bytes, Ordering::Relaxed) + new_bytes;
        let rows = self.rows.fetch_add(new_rows, Ordering::Relaxed) + new_rows;
        let (count, unit) = match self.total {
            None if rows > 0 => (rows, ProgressUnit::Rows),
            _ => (bytes, ProgressUnit::Megabytes),
        };
        self.progress.tell(ProgressCount { count, of: self.total, unit, verb: "read" });
    }
}

/// The bytes of files that are neither packed nor columns.
fn total(paths: &[&str]) -> Option<u64> {
    let plain = |name: &String| {
        let end = Path::new(name).extension()?.to_str()?.to_ascii_lowercase();
        let is_plain = matches!(end.as_str(), "ndjson" | "jsonl" | "json" | "csv" | "tsv");
        is_plain.then(|| std::fs::metadata(name).ok().map(|file| file.len()))?
    };
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    file::expand(&paths).ok()?.iter().map(plain).sum()
}

struct Followed {
    source: Box<dyn Source>,
    reading: Arc<FilesReading>,
}

impl Source for Followed {
    fn next(&mut self) -> Result<Next, Error> {
        let next = self.source.next()?;
        if let Next::Block(block) = &next {
            self.reading.add(&block.payload);
        }
        Ok(next)
    }

    fn caught_up_target(&mut self) -> Result<Target, Error> {
        self.source.caught_up_target()
    }

    fn left_out(&mut self) -> Result<Vec<Notice>, Error> {
        self.source.left_out()
    }

    fn files(&self) -> &file::FileTable {
        self.source.files()
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.source.notices()
    }

    fn recycle(&mut self, bytes: Vec<u8>) {
        self.source.recycle(bytes);
    }

    fn queued_bytes(&self) -> u64 {
        self.source.queued_bytes()
    }

    fn committed(&mut self, position: Position) {
        self.source.committed(position);
    }
}
