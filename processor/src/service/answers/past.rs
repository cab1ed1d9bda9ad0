//! What of files of history an answer needs, where that is not all of them.

use super::unread;
use crate::checkpoint::{CheckpointReader, FileRef};
use crate::engine::{EngineError, PastFile, TableScan, TimeBounds};
use crate::results::{self, lookup};
use arrow::array::RecordBatch;
use std::collections::BTreeSet;

/// Rows of files that are taken into memory for one table of an answer; files that have more of its sessions are read where
/// they are.
const ROWS_MAX: usize = 1 << 14;

/// The rows of files that are of some sessions, or of some times, or all.
pub(super) struct Wanted<'a> {
    keys: Option<&'a BTreeSet<String>>,
    /// Bounds of columns of times.
    times: Vec<(&'static str, TimeBounds)>,
    /// How many rows may still be taken into memory.
    left: usize,
}

impl<'a> Wanted<'a> {
    /// Of some sessions, or of all where nothing is said.
    pub(super) fn of(keys: Option<&'a BTreeSet<String>>) -> Self {
        Wanted { keys, times: vec![], left: ROWS_MAX }
    }

    /// Those that a scan of a table wants whose rows are stretches of time.
    pub(super) fn by(scan: &'a TableScan) -> Self {
        let times = [("start", scan.start), ("end", scan.end)];
        let times = times.into_iter().filter(|(_, bounds)| *bounds != TimeBounds::default()).collect();
        Wanted { times, ..Wanted::of(scan.sessions.as_ref()) }
    }

    /// What of a file is wanted: its rows with the columns of now, all of these or some, or `None` where the file is to be
    /// read as a whole.
    ///
    /// # Errors
    /// When the file is not what was written, whether it would have been read or not.
    pub(super) fn rows(
        &mut self,
        file: &FileRef,
        reader: &CheckpointReader,
        columns: Option<&[&str]>,
    ) -> Result<Option<Vec<RecordBatch>>, EngineError> {
        if self.keys.is_none() && self.times.is_empty() {
            return Ok(None);
        }
        let path = reader.path(file).map_err(unread)?;
        if !self.times.is_empty() && !lookup::may_have_times((&path, file), &self.times).map_err(unread)? {
            return Ok(Some(vec![]));
        }
        let Some(keys) = self.keys else { return Ok(None) };
        let rows = lookup::rows_of((&path, file), keys, self.left, columns).map_err(unread)?;
        let taken: usize = rows.iter().flatten().map(RecordBatch::num_rows).sum();
        self.left -= taken;
        Ok(rows)
    }

    /// Some columns of what of a file is wanted, and maybe of more of it.
    pub(super) fn columns(
        &mut self,
        file: &FileRef,
        reader: &CheckpointReader,
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>, EngineError> {
        match self.rows(file, reader, Some(columns))? {
            Some(rows) => Ok(rows),
            None => columns_of(file, reader, columns),
        }
    }
}

/// Some columns of all rows of a file.
pub(super) fn columns_of(
    file: &FileRef,
    reader: &CheckpointReader,
    columns: &[&str],
) -> Result<Vec<RecordBatch>, EngineError> {
    let path = reader.path(file).map_err(unread)?;
    lookup::columns_of(&path, columns).map_err(unread)
}

/// A file that is read where it is.
pub(super) fn in_place(file: &FileRef, reader: &CheckpointReader) -> Result<PastFile, EngineError> {
    let path = reader.path(file).map_err(unread)?;
    Ok(PastFile { path, layout: results::layout_of(file) })
}
