//! How far a long evaluation is, while it reads: a line that is written over on a terminal, and one every ten seconds elsewhere.

use event_feeder::world::Instant;
use event_feeder::{Error, Next, Notice, Payload, Position, Source, Target, file};
use std::io::{IsTerminal, Write, stderr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is over by then says nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two lines on a terminal.
const REFRESH: Duration = Duration::from_millis(200);
/// Time between two lines in a log.
const LOGGED: Duration = Duration::from_secs(10);

/// How far the files are read.
pub(super) struct Progress {
    /// Bytes of all files, where those that are read are those of the files.
    total: Option<u64>,
    is_terminal: bool,
    state: Mutex<State>,
}

struct State {
    bytes: u64,
    rows: u64,
    begun: Instant,
    /// Not before that.
    next: Instant,
    is_shown: bool,
}

impl Progress {
    /// Of files that are read together.
    pub(super) fn new(paths: &[&str]) -> Arc<Progress> {
        let is_terminal = stderr().is_terminal();
        let begun = Instant::now();
        let next = begun + if is_terminal { PATIENCE } else { LOGGED };
        let state = Mutex::new(State { bytes: 0, rows: 0, begun, next, is_shown: false });
        Arc::new(Progress { total: total(paths), is_terminal, state })
    }

    /// A source, followed.
    pub(super) fn follow(self: &Arc<Self>, source: Box<dyn Source>) -> Box<dyn Source> {
        Box::new(Followed { source, progress: Arc::clone(self) })
    }

    fn add(&self, payload: &Payload) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bytes += payload.bytes();
        if let Payload::Rows(rows) = payload {
            state.rows += rows.num_rows() as u64;
        }
        let now = Instant::now();
        if now < state.next {
            return;
        }
        state.next = now + if self.is_terminal { REFRESH } else { LOGGED };
        let said = said((state.bytes, self.total), state.rows, now.saturating_duration_since(state.begun));
        // Nobody reads it where it cannot be written.
        let _ = match self.is_terminal {
            true => write!(stderr(), "\r\x1b[K{said}"),
            false => writeln!(stderr(), "timeline: {said}"),
        };
        state.is_shown = true;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_terminal && self.state.lock().unwrap_or_else(PoisonError::into_inner).is_shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
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

/// Both in the units of people: bytes of all of them, or rows, and how many a second.
fn said((bytes, total): (u64, Option<u64>), rows: u64, time: Duration) -> String {
    let second = time.as_secs_f64().max(1e-9);
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let rate = |count: f64| count / second;
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let part = (bytes as f64 / total as f64 * 100.0).min(100.0);
            let (read, all, rate) = (megabytes(bytes), megabytes(total), rate(megabytes(bytes)));
            format!("{part:.0} % read, {read:.0} of {all:.0} MB, {rate:.0} MB/s")
        }
        None if rows > 0 => format!("{rows} rows read, {:.0} rows/s", rate(rows as f64)),
        None => format!("{:.0} MB read, {:.0} MB/s", megabytes(bytes), rate(megabytes(bytes))),
    }
}

struct Followed {
    source: Box<dyn Source>,
    progress: Arc<Progress>,
}

impl Source for Followed {
    fn next(&mut self) -> Result<Next, Error> {
        let next = self.source.next()?;
        if let Next::Block(block) = &next {
            self.progress.add(&block.payload);
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

#[cfg(test)]
mod tests {
    use super::said;
    use std::time::Duration;

    #[test]
    fn how_far_it_is_is_said_in_units_of_people() {
        let second = Duration::from_secs(2);
        assert_eq!(said((30_000_000, Some(120_000_000)), 0, second), "25 % read, 30 of 120 MB, 15 MB/s");
        assert_eq!(said((0, None), 3_000, second), "3000 rows read, 1500 rows/s");
        assert_eq!(said((30_000_000, None), 0, second), "30 MB read, 15 MB/s");
    }
}
