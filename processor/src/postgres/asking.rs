//! A question at work for a connection: given up when the client is gone, when another connection says so, and when its
//! time is over.

use super::PostgresApp;
use super::copy::CopyFormat;
use super::error::PostgresError;
use super::link::{ConnectionEnd, PostgresLink, SEND_BYTES};
use super::reply::format;
use super::value::{ResultColumn, column, simple};
use crate::engine::{AnswerBasis, EngineError};
use crate::measured;
use crate::sql::{QueryCode, SqlAnswer, SqlQuestion, StatementDescription};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use tokio_stream::StreamExt;

/// Why there is no (more of an) answer.
pub(super) enum BrokenAnswer {
    Failure(Box<PostgresError>),
    End(ConnectionEnd),
}

impl From<PostgresError> for BrokenAnswer {
    fn from(failure: PostgresError) -> BrokenAnswer {
        BrokenAnswer::Failure(Box::new(failure))
    }
}

impl From<ConnectionEnd> for BrokenAnswer {
    fn from(end: ConnectionEnd) -> BrokenAnswer {
        BrokenAnswer::End(end)
    }
}

/// Rows that are on their way.
pub(super) struct PendingRows {
    answer: SqlAnswer,
    /// A batch of which some rows are told.
    begun: Option<(RecordBatch, usize)>,
    is_over: bool,
    /// When all of them must have been taken.
    until: Option<Instant>,
    /// The right to be at work, for as long as something is.
    _turn: Option<Arc<OwnedSemaphorePermit>>,
}

impl PendingRows {
    /// Rows that are at hand.
    pub(super) fn of(batch: RecordBatch) -> PendingRows {
        PendingRows { answer: SqlAnswer::of(batch, vec![]), begun: None, is_over: false, until: None, _turn: None }
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.answer.schema
    }

    pub(super) fn basis(&self) -> &AnswerBasis {
        &self.answer.basis
    }

    /// Whether there may be more of them.
    pub(super) fn has_more(&self) -> bool {
        !self.is_over
    }
}

/// What ends a question.
pub(super) struct Attention<'a> {
    link: &'a mut PostgresLink,
    ended: &'a mut watch::Receiver<u64>,
    timeout: Option<Duration>,
    begun: Instant,
}

impl<'a> Attention<'a> {
    /// For a statement that begins now. What was to be ended before is over.
    pub(super) fn new(
        link: &'a mut PostgresLink,
        ended: &'a mut watch::Receiver<u64>,
        timeout: Option<Duration>,
    ) -> Self {
        ended.mark_unchanged();
        Attention { link, ended, timeout, begun: Instant::now() }
    }

    /// What `work` comes to, unless something ends it before.
    async fn on<T>(&mut self, until: Option<Instant>, work: impl Future<Output = T>) -> Result<T, BrokenAnswer> {
        let limit = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.link.is_gone() => Err(ConnectionEnd::Gone.into()),
            _ = self.ended.changed() => Err(PostgresError::new("57014", "the question was cancelled").into()),
            () = limit => {
                let took = self.begun.elapsed().as_secs_f64();
                let error = QueryCode::Time.error(format!("the question took too long: more than {took:.1} s"));
                let help = "ask for less, or allow more with SET statement_timeout TO '5min'";
                Err(PostgresError { help: Some(help.into()), ..PostgresError::of(&error, "") }.into())
            }
        }
    }

    fn until(&self) -> Option<Instant> {
        self.timeout.and_then(|timeout| self.begun.checked_add(timeout))
    }

    async fn turn(&mut self, app: &PostgresApp) -> Result<Arc<OwnedSemaphorePermit>, BrokenAnswer> {
        let turn = self.on(self.until(), app.options.shared.turns.take()).await?;
        Ok(Arc::new(turn.map_err(|error| PostgresError::of(&error, ""))?))
    }

    /// What a statement takes and gives.
    pub(super) async fn describe(
        &mut self,
        app: &PostgresApp,
        asking: SqlQuestion,
        known: Vec<Option<String>>,
        sql: &str,
    ) -> Result<StatementDescription, BrokenAnswer> {
        let turn = self.turn(app).await?;
        let asking = SqlQuestion { held: Some(turn), ..asking };
        let described = self.on(self.until(), app.options.shared.answerer.describe(asking, known)).await?;
        described.map_err(|error| PostgresError::of(&error, sql).into())
    }

    /// Begins a question, and measures how long that takes.
    pub(super) async fn ask(
        &mut self,
        app: &PostgresApp,
        asking: SqlQuestion,
        sql: &str,
    ) -> Result<PendingRows, BrokenAnswer> {
        let begun = self.begin(app, asking, sql).await;
        let state = match &begun {
            Ok(_) => "00000",
            Err(BrokenAnswer::Failure(failure)) => failure.state,
            Err(BrokenAnswer::End(_)) => "gone",
        };
        measured::statement(state, self.begun.elapsed());
        begun
    }

    /// Begins a question: its first rows come within the time that a statement may take.
    async fn begin(&mut self, app: &PostgresApp, asking: SqlQuestion, sql: &str) -> Result<PendingRows, BrokenAnswer> {
        let turn = self.turn(app).await?;
        let asking = SqlQuestion { held: Some(turn.clone()), ..asking };
        let first = async {
            let mut answer = app.options.shared.answerer.ask_over("postgres", asking).await?;
            // Most errors come with the first rows.
            let batch = answer.rows.next().await.transpose()?;
            Ok::<_, EngineError>((answer, batch))
        };
        let (answer, batch) = self.on(self.until(), first).await?.map_err(|error| PostgresError::of(&error, sql))?;
        let is_over = batch.is_none();
        let until = self.begun.checked_add(app.options.answer_time_max);
        let turn = (!is_over).then_some(turn);
        Ok(PendingRows { answer, begun: batch.map(|batch| (batch, 0)), is_over, until, _turn: turn })
    }

    /// Tells rows, so many at the most; how many it were.
    pub(super) async fn tell(
        &mut self,
        app: &PostgresApp,
        rows: &mut PendingRows,
        formats: &[u16],
        rows_max: Option<u32>,
        sql: &str,
        is_told: bool,
    ) -> Result<u64, BrokenAnswer> {
        let _ = app;
        let most = rows_max.map_or(u64::MAX, u64::from);
        let mut told = 0;
        while told < most && !rows.is_over {
            if rows.begun.is_none() {
                let next = self.on(rows.until, rows.answer.rows.next()).await?;
                match next.transpose().map_err(|error| PostgresError::of(&error, sql))? {
                    Some(batch) => rows.begun = Some((batch, 0)),
                    None => {
                        rows.is_over = true;
                        break;
                    }
                }
            }
            let Some((batch, first)) = rows.begun.take() else { break };
            let count = usize::try_from(most - told).unwrap_or(usize::MAX).min(batch.num_rows() - first);
            if is_told {
                self.send(&batch, first, count, formats).await?;
            }
            told += count as u64;
            if first + count < batch.num_rows() {
                rows.begun = Some((batch, first + count));
            } else if told == most {
                // Whether more come is asked now, so that the last rows are said to be the last.
                let next = self.on(rows.until, rows.answer.rows.next()).await?;
                match next.transpose().map_err(|error| PostgresError::of(&error, sql))? {
                    Some(batch) => rows.begun = Some((batch, 0)),
                    None => rows.is_over = true,
                }
            }
        }
        if rows.is_over {
            rows._turn = None;
        }
        Ok(told)
    }

    /// Copies all rows; how many it were.
    pub(super) async fn copy(
        &mut self,
        rows: &mut PendingRows,
        head: &mut Vec<u8>,
        layout: (&CopyFormat, &[bool]),
        sql: &str,
    ) -> Result<u64, BrokenAnswer> {
        let mut told = 0;
        loop {
            let batch = match rows.begun.take() {
                Some((batch, _)) => Some(batch),
                None if rows.is_over => None,
                None => {
                    let next = self.on(rows.until, rows.answer.rows.next()).await?;
                    next.transpose().map_err(|error| PostgresError::of(&error, sql))?
                }
            };
            let Some(batch) = batch else { break };
            self.copy_batch(&batch, head, layout).await?;
            told += batch.num_rows() as u64;
        }
        rows.is_over = true;
        rows._turn = None;
        Ok(told)
    }

    async fn copy_batch(
        &mut self,
        batch: &RecordBatch,
        head: &mut Vec<u8>,
        (layout, forced): (&CopyFormat, &[bool]),
    ) -> Result<(), BrokenAnswer> {
        let wrong = |why: String| PostgresError::new("22000", why);
        let arrays = batch.columns().iter().map(simple).collect::<Result<Vec<ArrayRef>, _>>().map_err(wrong)?;
        let mut row = 0;
        while row < batch.num_rows() {
            {
                let columns = arrays.iter().map(|array| column(&**array, layout.is_binary()));
                let columns: Vec<ResultColumn<'_>> = columns.collect::<Result<_, _>>().map_err(wrong)?;
                while row < batch.num_rows() && self.link.replies.bytes.len() < SEND_BYTES {
                    let mut failed = None;
                    self.link.replies.copied(|out| {
                        out.append(head);
                        failed = layout.row(&columns, forced, row, out).err();
                    });
                    if let Some(why) = failed {
                        return Err(wrong(why).into());
                    }
                    row += 1;
                }
            }
            self.link.send_much().await?;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        batch: &RecordBatch,
        first: usize,
        count: usize,
        formats: &[u16],
    ) -> Result<(), BrokenAnswer> {
        let wrong = |why: String| PostgresError::new("22000", why);
        let arrays = batch.columns().iter().map(simple).collect::<Result<Vec<ArrayRef>, _>>().map_err(wrong)?;
        let mut row = first;
        while row < first + count {
            {
                // Columns are no longer there when bytes are sent: what they look at is of this thread.
                let columns = arrays.iter().enumerate();
                let columns = columns.map(|(place, array)| column(&**array, format(formats, place) == 1));
                let columns: Vec<ResultColumn<'_>> = columns.collect::<Result<_, _>>().map_err(wrong)?;
                while row < first + count && self.link.replies.bytes.len() < SEND_BYTES {
                    let mut failed = None;
                    self.link.replies.row(columns.len(), |out| {
                        failed = columns.iter().try_for_each(|column| column.write(row, out)).err();
                    });
                    if let Some(why) = failed {
                        return Err(wrong(why).into());
                    }
                    row += 1;
                }
            }
            self.link.send_much().await?;
        }
        Ok(())
    }
}
