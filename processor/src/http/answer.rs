//! Rows as the body of a response.
//!
//! A task of its own computes and encodes the rows and hands them over through a short queue. So a client that reads
//! slowly costs two batches and no more than the time an answer may take, and one that goes away ends the computation:
//! its queue is closed. The first batch is awaited before the response begins, for most errors come with it and can
//! then still be a status. One that comes later breaks the response off, behind a word of what it was where the format
//! has a place for one.

use super::HttpApp;
use super::error::HttpError;
use super::rows::{Encoder, RowFormat};
use crate::engine::{AnswerBasis, EngineError, PageExtent};
use crate::sql::{QueryCode, RowStream, SqlAnswer};
use arrow::array::RecordBatch;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::{Stream, StreamExt};
use tracing::Instrument;

/// How much longer than the question's own limit we wait: an engine that waits for its sources says itself when that took
/// too long.
const GRACE: Duration = Duration::from_millis(100);

/// Encoded batches that wait for the client.
const QUEUE: usize = 2;

/// How long a client has to take what was written to it before an answer breaks off: what is not on its way by then is
/// lost with the connection, the head of the response included.
const PARTING: Duration = Duration::from_millis(250);

/// The header that says what rows are true for.
pub(crate) const POSITIONS: &str = "timeline-positions";

/// The header that says why an answer may not be the one that is meant: JSON in ASCII.
pub(crate) const NOTES: &str = "timeline-notes";

/// The header that says how much of a list an answer is.
const ROWS: &str = "timeline-rows";

/// The right to be at work on a question: shared by whatever is.
pub(super) type QuestionPermit = Arc<OwnedSemaphorePermit>;

/// The rows that `ask` gives, of which the first come within `limit`.
pub(super) async fn stream<F>(
    app: &HttpApp,
    format: RowFormat,
    limit: Duration,
    ask: impl FnOnce(QuestionPermit) -> F,
) -> Result<Response, HttpError>
where
    F: Future<Output = Result<SqlAnswer, EngineError>> + Send + 'static,
{
    let turn: QuestionPermit = Arc::new(app.turn().await?);
    let begun = Instant::now();
    let last = begun + app.options.answer_time_max;
    let (tell, told) = oneshot::channel();
    let answer = ask(turn.clone());
    let work = async move {
        let _turn = turn;
        begin(answer, format, (begun, limit), last, tell).await;
    };
    tokio::spawn(work.in_current_span());
    let head =
        told.await.unwrap_or_else(|_| Err(EngineError::Internal("the processor failed at this question".into())));
    let (basis, chunks) = head?;
    let body = Body::from_stream(Chunks { queue: chunks, is_over: false });
    let content_type = HeaderValue::from_static(format.content_type());
    let response = with_positions(([(CONTENT_TYPE, content_type)], body).into_response(), &basis.positions);
    Ok(if basis.notes.is_empty() { response } else { with_notes(response, &basis.notes) })
}

/// The response, saying what it is true for.
pub(super) fn with_positions(response: Response, positions: &impl serde::Serialize) -> Response {
    with_header(response, POSITIONS, positions)
}

/// The response, saying why it may not be the one that is meant.
pub(super) fn with_notes(response: Response, notes: &impl serde::Serialize) -> Response {
    with_header(response, NOTES, notes)
}

/// The response, saying how much of a list it is.
pub(super) fn with_extent(response: Response, extent: &PageExtent) -> Response {
    with_header(response, ROWS, extent)
}

fn with_header(mut response: Response, name: &'static str, what: &impl serde::Serialize) -> Response {
    let json = serde_json::to_string(what).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&ascii(&json)) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// JSON with every character beyond ASCII as an escape, as headers want it.
pub(crate) fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            ' '..='~' => text.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    text
}

type AnswerHead = Result<(AnswerBasis, mpsc::Receiver<BodyChunk>), EngineError>;

enum BodyChunk {
    Bytes(Bytes),
    /// The stream is whole.
    End,
}

/// The body. A queue that ends without [`BodyChunk::End`] (an error, a panic, the end of the server) breaks the connection
/// off, for a stream that just ended there would look like an answer with fewer rows.
struct Chunks {
    queue: mpsc::Receiver<BodyChunk>,
    is_over: bool,
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.queue.poll_recv(context).map(|chunk| match chunk {
            Some(BodyChunk::Bytes(bytes)) => Some(Ok(bytes)),
            Some(BodyChunk::End) => {
                self.is_over = true;
                None
            }
            None => {
                self.is_over = true;
                Some(Err(io::Error::other("the answer broke off")))
            }
        })
    }
}

async fn begin(
    answer: impl Future<Output = Result<SqlAnswer, EngineError>>,
    format: RowFormat,
    (begun, limit): (Instant, Duration),
    last: Instant,
    mut tell: oneshot::Sender<AnswerHead>,
) {
    // Dropping the answer ends whatever is at work on it, but for an engine, which holds its turn until it is done.
    let first = async {
        let mut answer = answer.await?;
        let batch = answer.rows.next().await.transpose()?;
        Ok((answer, batch))
    };
    let first = tokio::select! {
        first = tokio::time::timeout_at(begun + limit + GRACE, first) => first,
        () = tell.closed() => return,
    };
    let first = first.unwrap_or_else(|_| {
        Err(QueryCode::Time.error(format!("the first rows took too long: more than {} s", limit.as_secs_f64())))
    });
    let (mut answer, batch) = match first {
        Ok(first) => first,
        Err(error) => {
            let _ = tell.send(Err(error));
            return;
        }
    };
    let (chunks, queue) = mpsc::channel(QUEUE);
    if tell.send(Ok((std::mem::take(&mut answer.basis), queue))).is_err() {
        return;
    }
    let sent = tokio::select! {
        sent = tokio::time::timeout_at(last, send(answer, format, batch, &chunks)) => sent,
        () = chunks.closed() => return,
    };
    let sent = sent.unwrap_or_else(|_| Err(QueryCode::Time.error("the answer took too long to be read to its end")));
    if let Err(error) = sent {
        tracing::warn!(%error, "an answer broke off");
        let part = async {
            let said = format.belated(HttpError::from(error));
            if said.is_empty() || chunks.send(BodyChunk::Bytes(said.into())).await.is_ok() {
                chunks.closed().await;
            }
        };
        // The queue ends without its end then.
        let _ = tokio::time::timeout(PARTING, part).await;
    }
}

/// Sends the rows and the end; a client that is gone is no error.
async fn send(
    answer: SqlAnswer,
    format: RowFormat,
    first: Option<RecordBatch>,
    chunks: &mpsc::Sender<BodyChunk>,
) -> Result<(), EngineError> {
    let unwritten = |error: io::Error| EngineError::Internal(format!("the rows cannot be written: {error}"));
    let mut encoder = Encoder::new(format, &answer.schema).map_err(unwritten)?;
    let mut rows: RowStream = Box::pin(tokio_stream::iter(first.map(Ok)).chain(answer.rows));
    while let Some(batch) = rows.next().await {
        let bytes = encoder.rows(&batch?).map_err(unwritten)?;
        // An empty piece would be the end of the body.
        if !bytes.is_empty() && chunks.send(BodyChunk::Bytes(bytes.into())).await.is_err() {
            return Ok(());
        }
    }
    let end = Some(encoder.end().map_err(unwritten)?).filter(|end| !end.is_empty());
    for chunk in end.map(|end| BodyChunk::Bytes(end.into())).into_iter().chain([BodyChunk::End]) {
        let _ = chunks.send(chunk).await;
    }
    Ok(())
}
