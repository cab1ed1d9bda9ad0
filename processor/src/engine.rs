//! What a processor answers to those who ask: the seam between the engine and its query surface.
//!
//! The HTTP server and SQL know the engine by this trait only, so that they can be tested without one, and the engine
//! knows nothing of either.
//!
//! **Invariant:** everything that one answer says comes from one [`Snapshot`], hence from one marker through all
//! lanes; so two tables that a query joins are true for the same positions.

mod at;
#[cfg(test)]
pub(crate) mod fake;
mod page;

pub use crate::wanted::{IsWanted, TimeBounds};
pub use at::MetricAt;
pub use page::{Listed, Page, PageExtent};

use crate::results::Layout;
use crate::rows::ValueColumn;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// The questions a processor answers.
///
/// # Contract
///
/// 1. Every method may block; callers call it on threads that may. None blocks much longer than its `sync`.
/// 2. `sync: None` answers at once for the positions reached. `Some(limit)` first waits until every complete record
///    that the sources held at the call has been read, and is [`EngineError::Timeout`] after `limit`.
/// 3. All tables of one [`Snapshot`] are true for the same positions.
/// 4. Files named by a snapshot never change, and stay readable for as long as a query may reasonably take.
pub trait Engine: Send + Sync + 'static {
    /// How the processor is: an object, whose `partitions` is an array of objects with `source`, `partition` and, as
    /// far as they are known, the numbers `records`, `events`, `late_events`, `dead_letters`, `closed_sessions`,
    /// `live_sessions`, `state_bytes`, `epoch` and `lag_bytes`, which [`crate::http`] exports as metrics.
    fn status(&self) -> serde_json::Value;

    /// The names of all tables, in the order in which they are listed.
    fn table_names(&self) -> Vec<String>;

    /// The tables that are scanned and no others, in their order; [`EngineError::NotFound`] if there is no such table.
    /// Rows beyond the bounds of a scan may be left out, or not. For somebody who may go: then it ends, as an error, and
    /// nothing is at work on it any more.
    fn read(
        &self,
        scans: &[TableScan],
        sync: Option<Duration>,
        is_wanted: IsWanted<'_>,
    ) -> Result<Snapshot, EngineError>;

    /// The named tables, whole.
    fn snapshot(&self, tables: &[String], sync: Option<Duration>) -> Result<Snapshot, EngineError> {
        self.read(&tables.iter().map(|table| TableScan::whole(table)).collect::<Vec<_>>(), sync, &|| true)
    }

    /// The named tables without their rows, for which no partition is asked; a column's metadata has its meaning under
    /// [`rows::COMMENT`](crate::rows::COMMENT).
    fn columns(&self, tables: &[String]) -> Result<Vec<TableData>, EngineError>;

    /// Why an answer from these may not be the one that is meant, as far as that is known before they are read.
    fn notes(&self, scans: &[TableScan]) -> Result<Vec<AnswerNote>, EngineError>;

    /// All timelines of the sessions of a key, of one query or of all; with `at` (nanoseconds since the Unix epoch)
    /// every worker's value at that instant and the event that caused it.
    fn session(
        &self,
        key: &str,
        at: Option<i64>,
        query: Option<&str>,
        sync: Option<Duration>,
    ) -> Result<serde_json::Value, EngineError>;

    /// The sessions or groups of a metric that are far from the rest, farthest first.
    fn outliers(&self, name: &str, page: Page, sync: Option<Duration>) -> Result<Listed, EngineError>;

    /// What runs, and at what cost: one row a metric or alert, with its `name`, in the order in which they were deployed.
    fn queries(&self) -> Result<RecordBatch, EngineError>;

    /// Adds or changes queries: programs as (name, text). `plan_only` says what would be done and does nothing.
    /// `from` is `start` or `now`.
    fn deploy(
        &self,
        programs: Vec<(String, String)>,
        plan_only: bool,
        from: Option<String>,
    ) -> Result<serde_json::Value, EngineError>;

    /// Removes a metric or an alert.
    fn drop_query(&self, name: &str) -> Result<serde_json::Value, EngineError>;

    /// Answers another processor of the same state for its own partitions: a `PeerQuestion` as JSON, and
    /// the bytes that `peers::decode` reads.
    fn answer_peer(&self, _question: &[u8]) -> Result<Vec<u8>, EngineError> {
        Err(EngineError::Unavailable("this processor shares its state with nobody".into()))
    }

    /// The version of the programs that it runs, for other processors of the same state.
    fn programs_version(&self) -> u64 {
        0
    }
}

/// A table that is read, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableScan {
    /// The table, or what [`MetricAt`] calls one.
    pub table: String,
    /// Of which sessions rows are wanted, by the column `session`; all where nothing is said.
    pub sessions: Option<BTreeSet<String>>,
    /// Of which metrics or alerts, by the column `metric` or `alert`; all where nothing is said.
    pub outputs: Option<BTreeSet<String>>,
    /// Between which instants the rows that are wanted begin, by the column `start`.
    pub start: TimeBounds,
    /// Between which they end, by the column `end`; rows that have not ended are wanted where nothing is said alone.
    pub end: TimeBounds,
    /// Whether rows of one name are taken together, whatever definition they are of: nothing reads the column `version`.
    pub mixes_versions: bool,
}

impl TableScan {
    /// All of a table.
    pub fn whole(table: &str) -> TableScan {
        let any = TimeBounds::default();
        let table = table.to_owned();
        TableScan { table, sessions: None, outputs: None, start: any, end: any, mixes_versions: false }
    }
}

/// Tables at one instant of the processor.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The tables that were asked for.
    pub tables: Vec<TableData>,
    /// What an answer from them rests on.
    pub basis: AnswerBasis,
}

/// What an answer rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerBasis {
    /// What it is true for, by source and partition.
    pub positions: Vec<PositionOf>,
    /// Why it may not be the one that is meant.
    pub notes: Vec<AnswerNote>,
}

#[cfg(feature = "sql")]
impl AnswerBasis {
    /// More tables are read.
    pub(crate) fn add(&mut self, more: AnswerBasis) {
        self.positions.extend(more.positions);
        self.notes.extend(more.notes.into_iter().filter(|note| !self.notes.contains(note)).collect::<Vec<_>>());
    }
}

/// Why an answer may not be the one that is meant; it goes with the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerNote {
    /// What is so.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The rows of one table: those in memory and those in files; no row is in both.
#[derive(Clone, Debug)]
pub struct TableData {
    /// The table's name.
    pub name: String,
    /// The columns of all its rows.
    pub schema: SchemaRef,
    /// Rows in memory, of that schema.
    pub live: Vec<RecordBatch>,
    /// Parquet files of committed history. A column of the schema that a file lacks is null there.
    pub past: Vec<PastFile>,
    /// Where the files are those of `finals` or `alerts`: which of their rows and values are the table's.
    pub view: Option<OutputView>,
}

/// A file of committed history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastFile {
    /// Where it is.
    pub path: PathBuf,
    /// How its columns are called.
    pub layout: Layout,
}

/// The own table of a metric or an alert, out of the rows of `finals` or `alerts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputView {
    /// The column that says whose a row is.
    pub column: String,
    /// Its name.
    pub name: String,
    /// The column that a metric's `value` is.
    pub value: Option<ValueColumn>,
}

/// What an answer is true for, in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionOf {
    /// The source's name.
    pub source: String,
    /// The partition of that source, from 0.
    pub partition: u32,
    /// The place in its log, as the source writes it.
    pub position: String,
    /// The watermark, in nanoseconds since the Unix epoch; none before the first event.
    pub watermark_ns: Option<i64>,
    /// The instant through which the answer goes, likewise.
    pub horizon_ns: Option<i64>,
    /// The last checkpoint committed before the answer.
    pub epoch: u64,
    /// Sessions that may have begun before anything was seen of them, alive or over.
    #[serde(skip_serializing_if = "is_zero")]
    pub partial_sessions: u64,
    /// Nobody owns the partition now: it is shown as of that checkpoint.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unowned: bool,
    /// Records before it that the log lost before they were read, `FROM..TO` each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
    /// What the answer is without, since it was broken and given up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Why there is no answer; the variants are what the asker can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// There is no such session, query or table.
    #[error("{0}")]
    NotFound(String),
    /// The question is wrong as it stands.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// Diagnostics of programs as people read them, where there are any.
        rendered: Option<String>,
    },
    /// The question is right, but not in the present state (a name that is taken).
    #[error("{message}")]
    Conflict {
        /// What stands in the way.
        message: String,
        /// Both definitions as people read them, where there are any.
        rendered: Option<String>,
    },
    /// The answer would have come too late.
    #[error("{0}")]
    Timeout(String),
    /// Not now: try again.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of the processor.
    #[error("{0}")]
    Internal(String),
}

impl EngineError {
    /// A wrong question, without diagnostics of a program.
    pub fn invalid(message: impl Into<String>) -> Self {
        EngineError::Invalid { message: message.into(), rendered: None }
    }

    /// The stable name that clients tell errors apart by.
    pub fn code(&self) -> &'static str {
        match self {
            EngineError::NotFound(_) => "not_found",
            EngineError::Invalid { .. } => "invalid",
            EngineError::Conflict { .. } => "conflict",
            EngineError::Timeout(_) => "timeout",
            EngineError::Unavailable(_) => "unavailable",
            EngineError::Internal(_) => "internal",
        }
    }

    /// Diagnostics as people read them.
    pub fn rendered(&self) -> Option<&str> {
        match self {
            EngineError::Invalid { rendered, .. } | EngineError::Conflict { rendered, .. } => rendered.as_deref(),
            _ => None,
        }
    }
}
