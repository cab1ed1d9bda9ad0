//! Rows on their way from a partition's state into the tables of history, and what the tables' logs are to say.
//!
//! What is on its way stays in the state until a checkpoint names the files that have it instead: a move that fails, or is
//! cut off, has not happened.

use super::{Error, Partition};
use crate::checkpoint::{CheckpointReader, FileKind, FileRef, Putter};
use crate::code::StateCode;
use crate::history::moving::{HistoryMove, HistoryMoved, goes};
use crate::history::{History, PartitionHistoryStatus, TableUpdate, rows_of};
use crate::labels::Labels;
use crate::results::{self, HistoryHandover};
use arrow::datatypes::SchemaRef;
use event_feeder::world::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

/// How long files of tables that are needed no more are left for those who still read them.
const GRACE: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 3600 });
/// Files of the state that are moved in such a time are written quickly and not small.
const NEAR: Duration = Duration::from_secs(600);
/// Time between two moves while they fail.
const RETRY: Duration = Duration::from_secs(10);

/// What is on its way.
struct Moving {
    taken: BTreeSet<String>,
    result: Receiver<Result<HistoryMoved, results::Error>>,
}

/// A partition's part of [`History`].
#[derive(Default)]
pub(super) struct PartitionHistory {
    history: Option<Arc<History>>,
    /// What others are told of it; there where `history` is.
    standing: Option<Arc<PartitionHistoryStatus>>,
    moving: Option<Moving>,
    /// What was moved, and waits for the checkpoint that says so.
    moved: Option<Arc<HistoryMoved>>,
    /// When the last move began.
    began: Option<Instant>,
    /// Why the last one failed.
    failed: Option<String>,
    /// The checkpoint of which it was looked how much waits in the state.
    seen: Option<u64>,
    /// So many bytes.
    waiting: u64,
    is_full: bool,
    /// The files of tables of the last checkpoint, as far as their logs were told.
    told: Option<BTreeSet<String>>,
    /// The columns of files that the logs were not told of yet.
    schemas: BTreeMap<String, SchemaRef>,
    /// Files that no log is to have any more, and since when.
    needless: Vec<(String, Instant)>,
}

impl PartitionHistory {
    /// That of a partition of a source.
    pub(super) fn of(history: Option<Arc<History>>, source: String, partition: u32) -> PartitionHistory {
        let standing = history.as_ref().map(|history| history.standing(source, partition));
        PartitionHistory { history, standing, ..PartitionHistory::default() }
    }

    /// Notes why the last move failed, if it did: whether the one before it did.
    fn note_failed(&mut self, why: Option<String>) -> bool {
        if let Some(standing) = &self.standing {
            standing.note_moved(why.as_deref());
        }
        std::mem::replace(&mut self.failed, why).is_some()
    }

    /// What becomes of files of the state. While moves fail they are to be small: they stay for longer.
    pub(super) fn passage(&self) -> HistoryHandover {
        let moving = self.moving.iter().flat_map(|moving| &moving.taken);
        let taken = moving.chain(self.moved.iter().flat_map(|moved| &moved.taken)).cloned().collect();
        let is_near = |history: &Arc<History>| history.options().every <= NEAR;
        HistoryHandover { taken, is_short: self.failed.is_none() && self.history.as_ref().is_some_and(is_near) }
    }

    /// What was moved, for the next checkpoint.
    pub(super) fn moved(&self) -> Option<Arc<HistoryMoved>> {
        self.moved.clone()
    }

    /// Whether a checkpoint has something to say of it.
    pub(super) fn waits(&self) -> bool {
        self.moved.is_some()
    }

    /// Whether so much waits in the state that reading is to wait too.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Begins to move what is due, or whatever there is if `now`: whether something is on its way.
    fn begin(
        &mut self,
        now: bool,
        files: &[FileRef],
        (labels, putter, reader): (&Labels, Putter, &CheckpointReader),
    ) -> bool {
        let Some(history) = &self.history else { return false };
        if self.moving.is_some() || self.moved.is_some() {
            return true;
        }
        let pause = if self.failed.is_some() { RETRY } else { history.options().every };
        let is_due = self.began.is_none_or(|began| began.elapsed() >= pause);
        if self.waiting == 0 || !(is_due || now) {
            return false;
        }
        let next = HistoryMove::next(files);
        self.began = Some(Instant::now());
        let taken = next.into_iter().map(|file| file.name.clone()).collect();
        let job = HistoryMove { files: files.to_vec(), labels: labels.clone(), putter, reader: reader.clone() };
        self.moving = Some(Moving { taken, result: history.begin(job) });
        true
    }

    /// Takes a move that has ended; waits for it if `wait`.
    fn take(&mut self, wait: bool) {
        let Some(moving) = &self.moving else { return };
        let result = match wait {
            true => moving.result.recv().map_err(|_| TryRecvError::Disconnected),
            false => moving.result.try_recv(),
        };
        let place = self.history.as_ref().map(|history| history.options().place.to_string()).unwrap_or_default();
        match result {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {
                self.note_failed(Some("its thread has ended".into()));
            }
            Ok(Ok(moved)) => {
                if self.note_failed(None) {
                    tracing::warn!("history is moved to {place} again");
                }
                self.moved = Some(Arc::new(moved)).filter(|moved| !moved.taken.is_empty());
            }
            Ok(Err(error)) => {
                let error = error.to_string();
                if !self.note_failed(Some(error.clone())) {
                    tracing::warn!(
                        "[{}] history cannot be moved to {place}: {error}\n  help: {}",
                        StateCode::HistoryAway,
                        StateCode::HistoryAway.help()
                    );
                }
            }
        }
        self.moving = None;
    }

    /// Looks how much waits in the state.
    fn look(&mut self, files: &[FileRef]) {
        let Some(history) = &self.history else { return };
        let waiting = || files.iter().filter(|file| goes(file));
        let bytes: u64 = waiting().map(|file| file.length).sum();
        self.waiting = bytes;
        if let Some(standing) = &self.standing {
            standing.note_waiting(bytes, waiting().map(rows_of).sum());
        }
        let is_full = bytes > history.options().backlog;
        if is_full && !self.is_full {
            tracing::warn!(
                "[{}] {bytes} bytes of history wait in the state for {}; no more is read before they are moved: {}",
                StateCode::HistoryAway,
                history.options().place,
                self.failed.as_deref().unwrap_or("a move is on its way")
            );
        }
        self.is_full = is_full;
    }

    /// Takes note of a checkpoint: whether it has what was moved, and which files of tables those name that are kept.
    pub(super) fn committed(&mut self, applied: bool, files: &[FileRef], named: &BTreeSet<String>) {
        let now = Instant::now();
        if let Some(moved) = self.moved.take_if(|_| applied) {
            self.schemas.extend(moved.schemas.iter().map(|(name, schema)| (name.clone(), Arc::clone(schema))));
        } else if let Some(moved) = self.moved.take() {
            // What was taken is there no more.
            self.needless.extend(moved.files.iter().map(|file| (file.name.clone(), now)));
        }
        let there: BTreeSet<String> = tables_of(files).map(|file| file.name.clone()).collect();
        // What a kept checkpoint names may be needed again.
        self.needless.retain(|(name, _)| !named.contains(name));
        let gone = named.iter().filter(|name| !there.contains(*name));
        self.needless.extend(gone.map(|name| (name.clone(), now)));
    }

    /// Tells the tables' logs what the last checkpoint has, if they were not told of it.
    fn tell(&mut self, epoch: u64, files: &[FileRef], (putter, reader): (Putter, &CheckpointReader)) {
        let (Some(history), Some(standing)) = (&self.history, &self.standing) else { return };
        let there: BTreeSet<String> = tables_of(files).map(|file| file.name.clone()).collect();
        if epoch == 0 || self.told.as_ref() == Some(&there) {
            return;
        }
        let old = |(_, since): &mut (String, Instant)| since.elapsed() >= GRACE;
        let needless = self.needless.extract_if(.., old).map(|(name, _)| name).collect();
        let (files, schemas) = (tables_of(files).cloned().collect(), std::mem::take(&mut self.schemas));
        let standing = Arc::clone(standing);
        history.project(TableUpdate { epoch, files, schemas, needless, putter, reader: reader.clone(), standing });
        self.told = Some(there);
    }
}

fn tables_of(files: &[FileRef]) -> impl Iterator<Item = &FileRef> {
    files.iter().filter(|file| file.kind == FileKind::History)
}

impl Partition {
    /// Lets history go on its way, as far as that is due.
    pub(super) fn tend_history(&mut self) {
        if self.mover.history.is_none() {
            return;
        }
        // What ends while a checkpoint is written is not in it, and is taken for the next one.
        let Some(putter) = self.committed.putter() else { return };
        self.mover.take(false);
        if self.mover.seen != Some(self.committed.epoch) {
            self.look_at_tables(putter.clone());
        }
        self.mover.begin(false, &self.committed.results, (&self.options.labels, putter, &self.committed.reader));
    }

    /// Looks once after each checkpoint what is to be moved and told.
    fn look_at_tables(&mut self, putter: Putter) {
        self.mover.look(&self.committed.results);
        self.mover.tell(self.committed.epoch, &self.committed.results, (putter, &self.committed.reader));
        self.mover.seen = Some(self.committed.epoch);
    }

    /// Moves all that is left, and waits until the tables' logs have it or could not be written.
    pub(super) fn finish_history(&mut self) -> Result<(), Error> {
        loop {
            self.mover.take(true);
            let Some(history) = self.mover.history.clone() else { return Ok(()) };
            let Some(putter) = self.committed.putter() else { return Ok(()) };
            if self.mover.waits() {
                self.start_commit()?;
                self.finish_commit(true)?;
                continue;
            }
            self.look_at_tables(putter.clone());
            // What failed a moment ago is left in the state, where the next start finds it.
            let failed = self.mover.failed.clone();
            if failed.is_some()
                || !self.mover.begin(
                    true,
                    &self.committed.results,
                    (&self.options.labels, putter, &self.committed.reader),
                )
            {
                if let Some(why) = history.flush().err().or(failed) {
                    history.note_behind(why);
                }
                return Ok(());
            }
            self.mover.take(true);
            if !self.mover.waits() && self.mover.failed.is_none() {
                // Nothing of it could be read; that is said where it was found.
                let _ = history.flush();
                return Ok(());
            }
        }
    }
}
