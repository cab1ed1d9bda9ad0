//! A question answered in this process: for tests, and for whoever uses the crate without the command.
//!
//! A statement that overflows even a large stack ends this process, and a function that takes all memory too; that is
//! why the command gives questions to processes of their own ([`super::pool`]).

use super::code::QueryCode;
use super::wire::TableRequest;
use super::work::{Desk, QuestionRequest, answer, on_large_stack, unless_it_panics};
use super::{MEMORY_BYTES_MAX, SqlAnswer, SqlQuestion, StatementTask};
use crate::engine::{AnswerBasis, Engine, EngineError, IsWanted, Snapshot, TableData};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

/// Batches that wait to be taken.
const QUEUE: usize = 1;

/// The columns, and what the rows are true for.
type ResultHeader = Result<(SchemaRef, AnswerBasis), EngineError>;

struct Here {
    engine: Arc<dyn Engine>,
    sync: Option<Duration>,
    basis: AnswerBasis,
    tell: Option<oneshot::Sender<ResultHeader>>,
    batches: mpsc::Sender<Result<RecordBatch, EngineError>>,
}

impl Desk for Here {
    fn tables(&mut self, wanted: TableRequest) -> Result<Vec<TableData>, EngineError> {
        let is_wanted = || !self.batches.is_closed();
        let snapshot = tables(&*self.engine, &wanted, self.sync, &is_wanted)?;
        self.basis.add(snapshot.basis);
        Ok(snapshot.tables)
    }

    async fn head(&mut self, schema: &SchemaRef) -> bool {
        let Some(tell) = self.tell.take() else { return false };
        tell.send(Ok((schema.clone(), std::mem::take(&mut self.basis)))).is_ok()
    }

    async fn rows(&mut self, batch: RecordBatch) -> bool {
        self.batches.send(Ok(batch)).await.is_ok()
    }
}

/// One snapshot of the tables; what reads no row of any is true for any position.
pub(super) fn tables(
    engine: &dyn Engine,
    wanted: &TableRequest,
    sync: Option<Duration>,
    is_wanted: IsWanted<'_>,
) -> Result<Snapshot, EngineError> {
    match wanted {
        TableRequest { scans, .. } if scans.is_empty() => Ok(Snapshot::default()),
        TableRequest { scans, with_rows: true } => engine.read(scans, sync, is_wanted),
        TableRequest { scans, with_rows: false } => {
            let names: Vec<String> = scans.iter().map(|scan| scan.table.clone()).collect();
            let basis = AnswerBasis { positions: vec![], notes: engine.notes(scans)? };
            engine.columns(&names).map(|tables| Snapshot { tables, basis })
        }
    }
}

/// Answers in this process.
pub(super) async fn ask(asking: SqlQuestion, task: StatementTask) -> Result<SqlAnswer, EngineError> {
    let SqlQuestion { sql, engine, sync, parameters: _, held } = asking;
    let (tell, told) = oneshot::channel();
    let (batches, queue) = mpsc::channel(QUEUE);
    let gone = batches.clone();
    let asked = QuestionRequest { sql, known: engine.table_names(), memory_bytes: MEMORY_BYTES_MAX, task };
    let mut here = Here { engine, sync, basis: AnswerBasis::default(), tell: Some(tell), batches };
    let work = move |runtime: &tokio::runtime::Runtime| {
        let _held: Option<Arc<dyn Any + Send + Sync>> = held;
        let done = unless_it_panics(|| {
            runtime.block_on(async {
                tokio::select! {
                    done = answer(&asked, &mut here) => done,
                    () = gone.closed() => Ok(()),
                }
            })
        });
        let Err(error) = done.and_then(|done| done) else { return };
        match here.tell.take() {
            Some(tell) => _ = tell.send(Err(error)),
            None => _ = here.batches.blocking_send(Err(error)),
        }
    };
    on_large_stack(work).map_err(|error| QueryCode::NoProcess.error(format!("no thread can be started: {error}")))?;
    let head = told.await;
    let head =
        head.unwrap_or_else(|_| Err(QueryCode::Ended.error("the thread of the question ended without an answer")));
    // The queue is here until then: dropping this future ends the work.
    head.map(|(schema, basis)| SqlAnswer { schema, basis, rows: Box::pin(ReceiverStream::new(queue)) })
}
