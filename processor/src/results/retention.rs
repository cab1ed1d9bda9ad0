//! How long rows of history are kept: for ever, unless a flag says how long.
//!
//! A file notes up to which watermark its rows were told, and goes as a whole when that is longer ago, by the time of events,
//! than rows are kept. So that it does, files are put together only with those of their own stretch of time.

use super::{UNTIL, table_of};
use crate::checkpoint::{FileKind, FileRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use timeline_core::{SECOND, Time};

/// So many stretches are told apart in the time for which rows are kept.
const STRETCHES: Time = 16;
/// And none is shorter.
const SHORTEST: Time = SECOND;

/// How long rows are kept, and how late it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retention {
    /// For ever where nothing is said.
    pub(crate) keep: Option<Time>,
    /// How long those are kept that lie in tables, likewise.
    pub(crate) keep_tables: Option<Time>,
    /// The watermark.
    pub(crate) now: Option<Time>,
}

/// Rows that were dropped, of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRows {
    /// How many.
    pub rows: u64,
    /// Rows that were told before this watermark may be among them; later ones are not.
    pub until: Time,
}

/// Rows that were dropped, by the tables.
pub type RetentionCounts = BTreeMap<String, DroppedRows>;

impl Retention {
    /// The stretch of time that a file belongs to; those that do not say are of the present.
    pub(super) fn stretch(&self, file: &FileRef) -> Option<Time> {
        let length = (self.keep? / STRETCHES).max(SHORTEST);
        Some(until(file).or(self.now)?.div_euclid(length))
    }

    /// The present stretch.
    pub(super) fn present(&self) -> Option<Time> {
        Some(self.now?.div_euclid((self.keep? / STRETCHES).max(SHORTEST)))
    }

    /// Takes out the files whose time is over, and notes their rows.
    pub(super) fn drop_old(&self, files: Vec<FileRef>, dropped: &mut RetentionCounts) -> Vec<FileRef> {
        let Some(now) = self.now else { return files };
        let is_old = |file: &FileRef| {
            let keep = if file.kind == FileKind::History { self.keep_tables } else { self.keep };
            keep.is_some_and(|keep| until(file).is_some_and(|until| until < now.saturating_sub(keep)))
        };
        let (old, stays): (Vec<_>, Vec<_>) = files.into_iter().partition(is_old);
        for file in old {
            let (Some(table), Some(until)) = (table_of(&file), until(&file)) else { continue };
            let rows = file.metadata.get("rows").and_then(serde_json::Value::as_u64).unwrap_or(0);
            let known = dropped.entry(table.to_owned()).or_insert(DroppedRows { rows: 0, until });
            known.rows += rows;
            known.until = known.until.max(until);
        }
        stays
    }
}

/// Up to which watermark the rows of a file were told, if it says so.
pub(crate) fn until(file: &FileRef) -> Option<Time> {
    file.metadata.get(UNTIL)?.as_i64()
}
