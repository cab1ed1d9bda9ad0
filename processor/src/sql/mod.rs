//! SQL over live and past results.
//!
//! A question is parsed first, so that only the tables it names are asked for; one snapshot then answers it whole.
//! **Invariant:** questions only read. What is not a query is refused before the processor is asked for anything, and
//! the plan is checked once more before it runs.
//!
//! Names keep their case and need no quotes, because columns are called what the events call them (`playerState`):
//! the usual folding to lower case would make every such column need quotes. Names of tables match in any case.
//! Columns of the tables need none either: `start`, `count` and `sum` are no words of the parser's SQL, and `end` is
//! told apart from the end of a `CASE`.
//!
//! Numbers with a point are decimals, so that `value_exact > 1.5` compares exactly; with an exponent they are floats.
//!
//! Rows stream: of an answer no more than a few batches are in memory, and what a question holds besides (sorting,
//! grouping, joining) comes from one pool that all questions share. Nothing is written to disk.

#[cfg(feature = "sql")]
mod error;
#[cfg(not(feature = "sql"))]
mod lean;
#[cfg(feature = "sql")]
mod planner;
#[cfg(feature = "sql")]
mod query;
#[cfg(feature = "sql")]
mod statement;
#[cfg(feature = "sql")]
mod tables;
#[cfg(feature = "sql")]
mod words;

#[cfg(not(feature = "sql"))]
pub use lean::run;
#[cfg(feature = "sql")]
pub use query::run;

use crate::engine::{EngineError, PositionOf};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::fmt;
use std::pin::Pin;
use tokio_stream::{Stream, StreamExt};

/// Batches as they are computed. Dropping it stops the computation.
pub type Rows = Pin<Box<dyn Stream<Item = Result<RecordBatch, EngineError>> + Send>>;

/// Rows, and what they are true for.
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// What the rows are true for.
    pub positions: Vec<PositionOf>,
    /// The rows.
    pub rows: Rows,
}

impl Answer {
    /// An answer that is one batch.
    pub fn of(batch: RecordBatch, positions: Vec<PositionOf>) -> Self {
        Answer { schema: batch.schema(), positions, rows: Box::pin(tokio_stream::once(Ok(batch))) }
    }

    /// All batches, if they are at most `rows_max` rows; else [`EngineError::Invalid`].
    pub async fn collect(mut self, rows_max: usize) -> Result<Vec<RecordBatch>, EngineError> {
        let mut batches = vec![];
        let mut rows = 0;
        while let Some(batch) = self.rows.next().await {
            let batch = batch?;
            rows += batch.num_rows();
            if rows > rows_max {
                return Err(too_many(rows_max));
            }
            batches.push(batch);
        }
        Ok(batches)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).field("positions", &self.positions).finish()
    }
}

/// The refusal of an answer with more than `rows_max` rows, where it must be in memory at once.
pub(crate) fn too_many(rows_max: usize) -> EngineError {
    EngineError::invalid(format!("the answer has more than {rows_max} rows: group them, filter them or add a LIMIT"))
}

#[cfg(all(test, feature = "sql"))]
mod judged;
#[cfg(all(test, feature = "sql"))]
mod tests;
