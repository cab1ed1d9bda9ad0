//! A question at work for a call: given up when the call is over, when somebody ends it by its ticket, when its time is
//! over, and when nobody takes its rows.
//!
//! A task of its own takes the rows and hands them over through a short queue, so a client that reads slowly costs two
//! batches. The first rows are awaited before the answer begins, for most errors come with them and are then its status.

use super::FlightApp;
use super::status::{fault, status};
use super::ticket::TicketQuestion;
use crate::engine::{self, AnswerNote, EngineError};
use crate::http::{NOTES, ascii};
use crate::measured;
use crate::sql::{QueryCode, SqlAnswer, SqlQuestion, StatementDescription};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use serde::Serialize;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::{Stream, StreamExt};
use tonic::Status;
use tonic::metadata::MetadataMap;

/// Batches that wait to be taken.
const QUEUE: usize = 1;

/// What a call says of how its question is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wishes {
    /// How long its first rows may take.
    pub(super) limit: Duration,
    /// Whether the tables wait for their sources first.
    pub(super) sync: bool,
}

impl Wishes {
    /// Those of the headers `timeline-timeout` (seconds) and `timeline-sync` (`true` or `false`).
    pub(super) fn of(metadata: &MetadataMap, app: &FlightApp) -> Result<Wishes, Status> {
        let header = |name: &str| metadata.get(name).map(|value| value.to_str().unwrap_or_default());
        let most = app.options.answer_time_max;
        let limit = match header("timeline-timeout") {
            None => app.options.question_time,
            Some(text) => {
                let limit = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                let limit = limit.filter(|limit| !limit.is_zero() && *limit <= most);
                limit.ok_or_else(|| {
                    let most = most.as_secs_f64();
                    Status::invalid_argument(format!(
                        "timeline-timeout is a number of seconds up to {most}, not `{text}`"
                    ))
                })?
            }
        };
        let sync = match header("timeline-sync") {
            None | Some("false") => false,
            Some("true") => true,
            Some(text) => {
                return Err(Status::invalid_argument(format!("timeline-sync is true or false, not `{text}`")));
            }
        };
        Ok(Wishes { limit, sync })
    }

    fn asking(self, app: &FlightApp, question: &TicketQuestion) -> SqlQuestion {
        SqlQuestion {
            sql: question.sql.clone(),
            engine: app.engine.clone(),
            sync: self.sync.then_some(self.limit),
            parameters: question.parameters.clone(),
            held: None,
        }
    }

    fn too_long(self) -> EngineError {
        let took = self.limit.as_secs_f64();
        QueryCode::Time.error(format!("the question took too long: more than {took} s, by the header timeline-timeout"))
    }
}

/// What a statement takes and gives.
pub(super) async fn describe(
    app: &FlightApp,
    question: &TicketQuestion,
    wishes: Wishes,
) -> Result<StatementDescription, Status> {
    let described = async {
        let turn = app.options.shared.turns.take().await?;
        let asking = SqlQuestion { held: Some(Arc::new(turn)), parameters: vec![], ..wishes.asking(app, question) };
        app.options.shared.answerer.describe(asking, vec![]).await
    };
    let described = timeout(wishes.limit, described).await.unwrap_or_else(|_| Err(wishes.too_long()));
    let described = described.map_err(|error| status(&error))?;
    Ok(StatementDescription { columns: as_told(&described.columns, &[]), ..described })
}

/// The columns as clients are told them: all may be null, for what a plan knows of that is more than what it is promised
/// to know, and clients compare the columns of two calls. The notes are their metadata, as the header `timeline-notes` has
/// them over HTTP: of all that is told that is what drivers show.
pub(super) fn as_told(schema: &Schema, notes: &[AnswerNote]) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| Field::new(field.name(), field.data_type().clone(), true));
    let notes = (!notes.is_empty()).then(|| (NOTES.to_owned(), in_json(notes)));
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), notes.into_iter().collect()))
}

/// A value as headers have it.
fn in_json(value: &(impl Serialize + ?Sized)) -> String {
    ascii(&serde_json::to_string(value).unwrap_or_default())
}

/// An answer that has begun.
pub(super) struct StartedAnswer {
    pub(super) schema: SchemaRef,
    /// What it is true for, as JSON.
    pub(super) basis: BasisHeaders,
    pub(super) rows: Batches,
}

/// What an answer is true for.
pub(super) struct BasisHeaders {
    /// The positions, as the header `timeline-positions` has them over HTTP too.
    pub(super) positions: String,
    /// The notes, as the header `timeline-notes` has them, if there are any.
    pub(super) notes: Option<String>,
}

impl BasisHeaders {
    // What else is to be known of an answer is said here, and nowhere else.
    fn of(answer: &SqlAnswer) -> BasisHeaders {
        let engine::AnswerBasis { positions, notes } = &answer.basis;
        BasisHeaders { positions: in_json(positions), notes: (!notes.is_empty()).then(|| in_json(notes)) }
    }

    /// An object, for the metadata of the first message.
    pub(super) fn json(&self) -> String {
        let notes = self.notes.as_ref().map(|notes| format!(",\"notes\":{notes}")).unwrap_or_default();
        format!("{{\"positions\":{}{notes}}}", self.positions)
    }
}

/// Begins a question: its columns, what they are true for, and its rows.
pub(super) async fn ask(app: &FlightApp, question: &TicketQuestion, wishes: Wishes) -> Result<StartedAnswer, Status> {
    let begun = Instant::now();
    let asked = begin(app, question, wishes, begun).await;
    let code = asked.as_ref().map_or_else(Status::code, |_| tonic::Code::Ok);
    measured::call(i32::from(code), begun.elapsed());
    asked
}

async fn begin(
    app: &FlightApp,
    question: &TicketQuestion,
    wishes: Wishes,
    begun: Instant,
) -> Result<StartedAnswer, Status> {
    let mut run = app.running.begin(question.id);
    let first = async {
        let turn = Arc::new(app.options.shared.turns.take().await?);
        let asking = SqlQuestion { held: Some(turn.clone()), ..wishes.asking(app, question) };
        let mut answer = app.options.shared.answerer.ask_over("flight", asking).await?;
        // Most errors come with the first rows.
        let batch = answer.rows.next().await.transpose()?;
        Ok::<_, EngineError>((answer, batch, turn))
    };
    let first = tokio::select! {
        first = timeout_at(begun + wishes.limit, first) => first.unwrap_or_else(|_| Err(wishes.too_long())),
        () = run.ended() => return Err(cancelled()),
    };
    let (answer, first, turn) = first.map_err(|error| status(&error))?;
    let (schema, basis) = (as_told(&answer.schema, &answer.basis.notes), BasisHeaders::of(&answer));
    let (pieces, queue) = mpsc::channel(QUEUE);
    let failed = Arc::new(OnceLock::new());
    let rows = Batches { queue, schema: schema.clone(), failed: failed.clone(), is_over: false };
    let (last, rows_time) = (begun + app.options.answer_time_max, app.options.rows_time_max);
    tokio::spawn(async move {
        // Held until nothing is at work any more.
        let _turn = turn;
        let why = tokio::select! {
            told = timeout_at(last, tell(answer, first, &pieces, rows_time)) => match told {
                Ok(Ok(())) => return,
                Ok(Err(status)) => status,
                Err(_) => status(&QueryCode::Time.error("the answer took too long to be read to its end")),
            },
            () = run.ended() => cancelled(),
            () = pieces.closed() => return,
        };
        let _ = failed.set(why);
    });
    Ok(StartedAnswer { schema, basis, rows })
}

fn cancelled() -> Status {
    Status::cancelled("the question was cancelled")
}

enum StreamPiece {
    Rows(RecordBatch),
    /// There are no more.
    End,
}

/// Hands rows over until there are no more; a client that is gone is no error.
async fn tell(
    mut answer: SqlAnswer,
    first: Option<RecordBatch>,
    pieces: &mpsc::Sender<StreamPiece>,
    rows_time: Duration,
) -> Result<(), Status> {
    let mut next = first;
    while let Some(batch) = next {
        hand_over(StreamPiece::Rows(batch), pieces, rows_time).await?;
        next = answer.rows.next().await.transpose().map_err(|error| status(&error))?;
    }
    hand_over(StreamPiece::End, pieces, rows_time).await
}

async fn hand_over(piece: StreamPiece, pieces: &mpsc::Sender<StreamPiece>, rows_time: Duration) -> Result<(), Status> {
    match timeout(rows_time, pieces.send(piece)).await {
        Ok(_) => Ok(()),
        // What they hold is wanted by others.
        Err(_) => {
            let most = rows_time.as_secs_f64();
            Err(Status::deadline_exceeded(format!("the rows were given up: none of them was taken for {most} s")))
        }
    }
}

/// The rows of an answer. One that ends without [`StreamPiece::End`] ends as an error, for otherwise it would look like all there
/// is.
pub(super) struct Batches {
    queue: mpsc::Receiver<StreamPiece>,
    schema: SchemaRef,
    /// Why it broke off.
    failed: Arc<OnceLock<Status>>,
    is_over: bool,
}

impl Stream for Batches {
    type Item = Result<RecordBatch, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.queue.poll_recv(context).map(|piece| match piece {
            Some(StreamPiece::Rows(batch)) => {
                let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let columns = batch.columns().to_vec();
                Some(RecordBatch::try_new_with_options(self.schema.clone(), columns, &rows).map_err(fault))
            }
            Some(StreamPiece::End) => {
                self.is_over = true;
                None
            }
            None => {
                self.is_over = true;
                Some(Err(self.failed.get().cloned().unwrap_or_else(|| fault("the answer broke off"))))
            }
        })
    }
}
