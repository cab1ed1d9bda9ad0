//! SQL over live and past results.
//!
//! A question is parsed first, so that only the tables it names are asked for; one snapshot then answers it whole.
//! **Invariant:** questions only read. What is not a query is refused before the processor is asked for anything, and
//! the plan is checked once more before it runs.
//! **Invariant:** no question can do harm. The command has questions answered by processes of their own ([`Pool`]), which
//! the system limits and which end with whoever asked; and statements are bounded before they are planned, so that what
//! is too much is said and not tried.
//! **Invariant:** what stands in a statement is part of its answer, or the statement is refused ([`passed_over`]).
//!
//! Names keep their case and need no quotes, because columns are called what the events call them (`playerState`):
//! the usual folding to lower case would make every such column need quotes. Names of tables match in any case.
//! Columns of the tables need none either: `start`, `count` and `sum` are no words of the parser's SQL, and `end` is
//! told apart from the end of a `CASE`.
//!
//! Numbers with a point are decimals, so that `value_exact > 1.5` compares exactly; with an exponent they are floats.
//!
//! Rows stream: of an answer no more than a few batches are in memory, and what a question holds besides (sorting,
//! grouping, joining) is counted and limited. Nothing is written to disk.

#[cfg(feature = "sql")]
mod as_of;
#[cfg(feature = "sql")]
mod bounds;
#[cfg(feature = "sql")]
mod catalog;
#[cfg(feature = "sql")]
mod checked_sum;
#[cfg(feature = "sql")]
mod child;
mod code;
#[cfg(feature = "sql")]
mod context;
#[cfg(feature = "sql")]
mod error;
#[cfg(feature = "sql")]
mod here;
#[cfg(feature = "sql")]
mod holding;
#[cfg(feature = "sql")]
mod instants;
#[cfg(feature = "sql")]
mod late;
#[cfg(not(feature = "sql"))]
mod lean;
#[cfg(feature = "sql")]
mod lists;
#[cfg(feature = "sql")]
mod mixed;
#[cfg(feature = "sql")]
mod named_twice;
#[cfg(feature = "sql")]
mod parameters;
#[cfg(feature = "sql")]
mod passed_over;
#[cfg(feature = "sql")]
mod percentile;
#[cfg(feature = "sql")]
mod planner;
#[cfg(feature = "sql")]
mod pool;
#[cfg(feature = "sql")]
pub(crate) mod settings;
#[cfg(feature = "sql")]
mod statement;
#[cfg(feature = "sql")]
mod stretches;
#[cfg(feature = "sql")]
mod tables;
#[cfg(feature = "sql")]
mod to_char;
mod traced_rows;
#[cfg(feature = "sql")]
pub(crate) mod types;
#[cfg(feature = "sql")]
mod wire;
#[cfg(feature = "sql")]
mod words;
#[cfg(feature = "sql")]
mod work;

#[cfg(feature = "sql")]
pub use child::serve_questions;
pub use code::QueryCode;
#[cfg(not(feature = "sql"))]
pub use lean::{Pool, serve_questions};
#[cfg(feature = "sql")]
pub use pool::Pool;

use crate::engine::{AnswerBasis, AnswerNote, Engine, EngineError, PositionOf};
use crate::measured;
use crate::traced;
use arrow::array::RecordBatch;
#[cfg(feature = "sql")]
use arrow::datatypes::Field;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::{Stream, StreamExt};
use tracing::Instrument;

/// Bytes that one question may hold for sorting, grouping and joining.
#[cfg(feature = "sql")]
const MEMORY_BYTES_MAX: usize = 512 << 20;

/// A value that stands for a `$1` of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementParameter {
    /// The name of its type in SQL; none where what it is compared with decides.
    pub ty: Option<String>,
    /// Its text; none is null.
    pub text: Option<String>,
}

/// What is wanted of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StatementTask {
    /// Its rows, with these in the place of `$1`, `$2` ...
    Rows(Vec<StatementParameter>),
    /// Its columns and the types of its parameters, of which some may be known by the names of SQL.
    Columns(Vec<Option<String>>),
}

/// What a statement takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementDescription {
    /// The types of `$1`, `$2` ...
    pub parameters: Vec<DataType>,
    /// The columns of its rows.
    pub columns: SchemaRef,
    /// Why those may not be the ones that are meant.
    pub notes: Vec<AnswerNote>,
}

/// Where questions are worked at.
#[derive(Clone, Debug, Default)]
pub enum Answerer {
    /// In this process.
    #[default]
    Here,
    /// In processes of their own.
    Processes(Arc<Pool>),
}

/// A question.
pub struct SqlQuestion {
    /// Its text.
    pub sql: String,
    /// Who has the tables.
    pub engine: Arc<dyn Engine>,
    /// Whether the tables wait for their sources, and how long.
    pub sync: Option<Duration>,
    /// The values of its parameters, if it has any.
    pub parameters: Vec<StatementParameter>,
    /// Held for as long as anything is at work on it, even if nobody waits for it any more.
    pub held: Option<Arc<dyn Any + Send + Sync>>,
}

impl Answerer {
    /// Answers a question in SQL from one snapshot of the tables it reads.
    ///
    /// The rows are computed as they are taken, and the computation ends when they, or this future, are dropped, a snapshot
    /// that is being taken included.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for what is no query, or wrong; [`EngineError::NotFound`] for an unknown table; what the
    /// engine says of its snapshot; what [`QueryCode`] lists. Rows may end in an error too (a division by zero).
    pub async fn ask(&self, asking: SqlQuestion) -> Result<SqlAnswer, EngineError> {
        let task = StatementTask::Rows(asking.parameters.clone());
        let span = traced::question(&asking.sql);
        let answer = self.give(asking, task).instrument(span.clone()).await;
        traced_rows::answered(span, answer)
    }

    /// The same for a wire, by whose name it is measured how long the question is at work, until its last row is taken.
    ///
    /// # Errors
    /// Those of [`Answerer::ask`].
    pub(crate) async fn ask_over(&self, wire: &'static str, asking: SqlQuestion) -> Result<SqlAnswer, EngineError> {
        let at_work = measured::QuestionTimer::begun(wire);
        let SqlAnswer { schema, basis, rows } = self.ask(asking).await?;
        let rows = rows.map(move |row| {
            let _ends_with_the_rows = &at_work;
            row
        });
        Ok(SqlAnswer { schema, basis, rows: Box::pin(rows) })
    }

    /// What a statement takes and gives, for which no row of any table is read.
    ///
    /// # Errors
    /// Those of [`Answerer::ask`] that a statement has without its rows.
    pub async fn describe(
        &self,
        asking: SqlQuestion,
        known: Vec<Option<String>>,
    ) -> Result<StatementDescription, EngineError> {
        let answer = self.give(asking, StatementTask::Columns(known)).await?;
        Ok(StatementDescription { notes: answer.basis.notes, ..StatementDescription::of(&answer.schema) })
    }

    async fn give(&self, asking: SqlQuestion, task: StatementTask) -> Result<SqlAnswer, EngineError> {
        match self {
            #[cfg(feature = "sql")]
            Answerer::Here => here::ask(asking, task).await,
            #[cfg(feature = "sql")]
            Answerer::Processes(pool) => pool.ask(asking, task).await,
            #[cfg(not(feature = "sql"))]
            Answerer::Here | Answerer::Processes(_) => lean::refuse(&asking, &task),
        }
    }
}

/// How many of a description's columns are parameters.
const PARAMETERS: &str = "parameters";

impl StatementDescription {
    /// It as columns: those of the parameters first.
    #[cfg(feature = "sql")]
    fn schema(&self) -> SchemaRef {
        let parameters = self.parameters.iter().map(|ty| Arc::new(Field::new("$", ty.clone(), true)));
        let fields: Vec<_> = parameters.chain(self.columns.fields().iter().cloned()).collect();
        let count = (PARAMETERS.to_owned(), self.parameters.len().to_string());
        Arc::new(Schema::new_with_metadata(fields, [count].into()))
    }

    fn of(schema: &Schema) -> StatementDescription {
        let count = schema.metadata().get(PARAMETERS).and_then(|count| count.parse().ok()).unwrap_or(0);
        let (parameters, columns) = schema.fields().split_at(usize::min(count, schema.fields().len()));
        StatementDescription {
            parameters: parameters.iter().map(|field| field.data_type().clone()).collect(),
            columns: Arc::new(Schema::new(columns.to_vec())),
            notes: vec![],
        }
    }
}

/// Batches as they are computed. Dropping it stops the computation.
pub type RowStream = Pin<Box<dyn Stream<Item = Result<RecordBatch, EngineError>> + Send>>;

/// Rows, and what they are true for.
pub struct SqlAnswer {
    /// The columns.
    pub schema: SchemaRef,
    /// What the rows rest on.
    pub basis: AnswerBasis,
    /// The rows.
    pub rows: RowStream,
}

impl SqlAnswer {
    /// An answer that is one batch.
    pub fn of(batch: RecordBatch, positions: Vec<PositionOf>) -> Self {
        let basis = AnswerBasis { positions, notes: vec![] };
        SqlAnswer { schema: batch.schema(), basis, rows: Box::pin(tokio_stream::once(Ok(batch))) }
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

impl fmt::Debug for SqlAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).field("basis", &self.basis).finish()
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
