//! History as tables that others read too.
//!
//! Rows of a checkpoint are in files of the state first. From time to time those files are written anew into a table for
//! each kind of row, cut by days ([`moving`]), and the next checkpoint names the new files in their place; so the rows
//! are in one place at any time, and a checkpoint says which. What the log of a table says (Delta, [`delta`]) follows from
//! the checkpoint and from nothing else: a writer of it compares the files that the newest checkpoint names with those
//! that the log has, and commits the difference, with the partition and the epoch as the format's application transaction.
//!
//! **Invariant:** a table's log never has a file that no checkpoint named, nor one of a checkpoint that was taken back; a
//! crash between checkpoint and log leaves a difference that the next look finds.
//!
//! | module | is |
//! |---|---|
//! | [`moving`] | rows on their way from the state into tables |
//! | `packed` | files put together by their bytes |
//! | `delta` | the tables' logs |
//! | `log` | what of a log may go |
//! | `status` | how all that stands, for whoever watches |

#[cfg(feature = "lake")]
mod delta;
#[cfg(not(feature = "lake"))]
#[path = "lean.rs"]
mod delta;
#[cfg(feature = "lake")]
mod log;
pub(crate) mod moving;
mod packed;
mod status;

pub(crate) use status::{HistoryFacts, PartitionHistoryStatus};

use crate::checkpoint::{CheckpointReader, FileRef, Putter, StateLocation};
use crate::code::StateCode;
#[cfg(feature = "lake")]
use crate::results::table_of;
use crate::results::{Error, TABLES};
use arrow::datatypes::SchemaRef;
use delta::DeltaTables;
use event_feeder::world::{self, Instant};
use moving::{HistoryMove, HistoryMoved};
use serde_json::{Value as Json, json};
use status::HistoryStatus;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use timeline_core::Time;

/// How history is kept in tables.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where: a folder, or a prefix of a bucket.
    pub place: StateLocation,
    /// The least time between two commits of a partition to a table.
    pub every: Duration,
    /// How long rows are kept, by the time of events; for ever where nothing is said.
    pub keep: Option<Time>,
    /// So many bytes of history wait in the state while the tables cannot be written; beyond them reading waits.
    pub backlog: u64,
}

/// Whether this build can keep tables.
pub const CAN_KEEP: bool = cfg!(feature = "lake");

/// Whether a file of a state waits there for tables, where history is kept in tables.
pub fn waits(file: &FileRef) -> bool {
    moving::goes(file)
}

/// How many rows a file of results has.
pub fn rows_of(file: &FileRef) -> u64 {
    file.metadata.get("rows").and_then(Json::as_u64).unwrap_or(0)
}

/// Time between two looks whether the place of the tables gives answers.
const LOOK: Duration = Duration::from_millis(50);
/// Time between two attempts at a table that could not be written, at first and at the most.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// The files of tables that a partition's newest checkpoint names.
#[cfg_attr(not(feature = "lake"), expect(dead_code, reason = "only tables read it"))]
pub(crate) struct TableUpdate {
    pub(crate) epoch: u64,
    pub(crate) files: Vec<FileRef>,
    /// The columns of those of them that are new.
    pub(crate) schemas: BTreeMap<String, SchemaRef>,
    /// Files that are not needed once the tables' logs do not have them any more.
    pub(crate) needless: Vec<String>,
    pub(crate) putter: Putter,
    pub(crate) reader: CheckpointReader,
    pub(crate) standing: Arc<PartitionHistoryStatus>,
}

impl TableUpdate {
    /// The files of one table.
    #[cfg(feature = "lake")]
    fn of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a FileRef> {
        self.files.iter().filter(move |file| table_of(file) == Some(table))
    }
}

enum HistoryJob {
    Move(Box<HistoryMove>, Sender<Result<HistoryMoved, Error>>),
    Project(Box<TableUpdate>),
    Flush(Sender<Result<(), String>>),
}

/// Writes tables, on a thread of its own: a place that does not answer keeps no checkpoint waiting.
#[derive(Debug)]
pub struct History {
    options: Options,
    jobs: Sender<HistoryJob>,
    standings: Arc<HistoryStatus>,
    /// Why tables lack the last rows of a partition that has ended.
    behind: Mutex<Option<String>>,
}

impl History {
    /// Begins with it. The thread ends when nobody has this any more.
    pub fn start(options: Options) -> History {
        let (jobs, receiver) = channel();
        let tables = DeltaTables::new(&options.place);
        let place = options.place.to_string();
        let standings = Arc::new(HistoryStatus::default());
        let told = Arc::clone(&standings);
        let writer = move || {
            HistoryWriter { tables, place, due: BTreeMap::new(), failing: None, standings: told }.run(&receiver)
        };
        world::thread("history").spawn(writer).expect("the system can start a thread");
        History { options, jobs, standings, behind: Mutex::default() }
    }

    /// How it stands, for whoever watches: where it is, how much may wait, and since when the place is away, if it is.
    pub(crate) fn status(&self) -> Json {
        let away = self.standings.away();
        json!({
            "place": self.options.place.to_string(),
            "waiting_bytes_max": self.options.backlog,
            "away_since_ns": away.as_ref().map(|away| away.since),
            "error": away.map(|away| away.error),
        })
    }

    /// How the part of a partition stands that is at work here.
    pub(crate) fn of(&self, source: &str, partition: u32) -> Option<HistoryFacts> {
        self.standings.of(source, partition)
    }

    /// A partition begins to work here.
    pub(crate) fn standing(&self, source: String, partition: u32) -> Arc<PartitionHistoryStatus> {
        self.standings.begin(source, partition)
    }

    /// Why tables lack the last rows of a partition that has ended, if they do; the state has them.
    pub fn behind(&self) -> Option<String> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that a partition has ended before tables had its last rows.
    pub(crate) fn note_behind(&self, why: String) {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn begin(&self, job: HistoryMove) -> Receiver<Result<HistoryMoved, Error>> {
        let (reply, receiver) = channel();
        // A thread that is gone drops the sender, which the receiver sees.
        let _ = self.jobs.send(HistoryJob::Move(Box::new(job), reply));
        receiver
    }

    pub(crate) fn project(&self, projection: TableUpdate) {
        let _ = self.jobs.send(HistoryJob::Project(Box::new(projection)));
    }

    /// Waits until the tables have what was handed over, or could not be written: why not. A place that gives no answer is
    /// not waited for.
    pub(crate) fn flush(&self) -> Result<(), String> {
        let (reply, receiver) = channel();
        let _ = self.jobs.send(HistoryJob::Flush(reply));
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(flushed) => return flushed,
                Err(RecvTimeoutError::Disconnected) => return Err("its thread has ended".into()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(silent) = self.options.place.silence() {
                return Err(silent.line());
            }
        }
    }
}

/// What keeps failing, and how patiently it is tried.
struct RetryState {
    again: Instant,
    pause: Duration,
}

struct HistoryWriter {
    tables: DeltaTables,
    place: String,
    /// The newest of each partition that its tables may not have yet.
    due: BTreeMap<String, TableUpdate>,
    failing: Option<RetryState>,
    standings: Arc<HistoryStatus>,
}

impl HistoryWriter {
    fn run(mut self, jobs: &Receiver<HistoryJob>) {
        loop {
            let wait = match (&self.failing, self.due.is_empty()) {
                (_, true) => Duration::MAX,
                (Some(failing), false) => failing.again.saturating_duration_since(Instant::now()),
                (None, false) => Duration::ZERO,
            };
            match jobs.recv_timeout(wait) {
                Ok(HistoryJob::Move(job, reply)) => drop(reply.send(job.run())),
                Ok(HistoryJob::Project(projection)) => self.take(*projection),
                Ok(HistoryJob::Flush(reply)) => drop(reply.send(self.project_all())),
                Err(RecvTimeoutError::Timeout) => drop(self.project_all()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// A later one takes the place of an earlier, with what that still had to delete.
    fn take(&mut self, mut projection: TableUpdate) {
        let app = projection.putter.lineage().to_owned();
        if let Some(earlier) = self.due.remove(&app) {
            projection.needless.extend(earlier.needless);
            projection.schemas.extend(earlier.schemas);
        }
        self.due.insert(app, projection);
    }

    /// Brings all tables up to what is due: why one could not be.
    fn project_all(&mut self) -> Result<(), String> {
        while let Some((app, projection)) = self.due.pop_first() {
            let done = TABLES.iter().try_for_each(|table| self.tables.project(table, &app, &projection));
            if done.is_ok() {
                projection.standing.note_committed();
            }
            match done {
                Ok(()) if self.tables.is_behind(&app) => {}
                Ok(()) => projection.needless.iter().for_each(|name| {
                    // What cannot be deleted now lies about; the tools of the format clear that away.
                    let _ = projection.putter.delete_history(name);
                }),
                Err(error) => {
                    self.due.insert(app, projection);
                    return Err(self.failed(error));
                }
            }
        }
        self.standings.note_logs(None);
        if self.failing.take().is_some() {
            tracing::warn!("history in {} is written again", self.place);
        }
        Ok(())
    }

    fn failed(&mut self, error: String) -> String {
        let pause = self.failing.as_ref().map_or(RETRY[0], |failing| (failing.pause * 2).min(RETRY[1]));
        if self.failing.is_none() {
            tracing::warn!(
                "[{}] the tables of history in {} cannot be written, and are tried again: {error}; no row is lost meanwhile",
                StateCode::HistoryAway,
                self.place
            );
        }
        self.standings.note_logs(Some(&error));
        self.failing = Some(RetryState { again: Instant::now() + pause, pause });
        error
    }
}
