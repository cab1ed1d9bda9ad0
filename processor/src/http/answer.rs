//! Rows as the body of a response.
//!
//! A task of its own computes and encodes the rows and hands them over through a short queue. So a client that reads
//! slowly costs two batches and no more than the time an answer may take, and one that goes away ends the computation:
//! its queue is closed. The first batch is awaited before the response begins, for most errors come with it and can
//! then still be a status.

use super::App;
use super::error::Refusal;
use crate::engine::{EngineError, PositionOf};
use crate::sql::{Answer, Rows};
use arrow::array::RecordBatch;
use arrow::ipc::writer::StreamWriter;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::{Stream, StreamExt};

/// Encoded batches that wait for the client.
const QUEUE: usize = 2;

/// The header that says what rows are true for.
pub(super) const POSITIONS: &str = "timeline-positions";

/// The rows of `answer`, of which the first come within `limit`.
pub(super) async fn stream(
    app: &App,
    answer: impl Future<Output = Result<Answer, EngineError>> + Send + 'static,
    limit: Duration,
) -> Result<Response, Refusal> {
    let turn = app.turn().await?;
    let begun = Instant::now();
    let last = begun + app.options.answer_time_max;
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let _turn = turn;
        begin(answer, begun + limit, last, tell).await;
    });
    let head =
        told.await.unwrap_or_else(|_| Err(EngineError::Internal("the processor failed at this question".into())));
    let (positions, chunks) = head?;
    let body = Body::from_stream(Chunks { queue: chunks, is_over: false });
    let content_type = HeaderValue::from_static("application/vnd.apache.arrow.stream");
    Ok(with_positions(([(CONTENT_TYPE, content_type)], body).into_response(), &positions))
}

/// The response, saying what it is true for.
pub(super) fn with_positions(mut response: Response, positions: &impl serde::Serialize) -> Response {
    let json = serde_json::to_string(positions).unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&ascii(&json)) {
        response.headers_mut().insert(POSITIONS, value);
    }
    response
}

/// JSON with every character beyond ASCII as an escape, as headers want it.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            ' '..='~' => text.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    text
}

type Head = Result<(Vec<PositionOf>, mpsc::Receiver<Chunk>), EngineError>;

enum Chunk {
    Bytes(Bytes),
    /// The stream is whole.
    End,
}

/// The body. A queue that ends without [`Chunk::End`] (an error, a panic, the end of the server) breaks the connection
/// off, for a stream that just ended there would look like an answer with fewer rows.
struct Chunks {
    queue: mpsc::Receiver<Chunk>,
    is_over: bool,
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.queue.poll_recv(context).map(|chunk| match chunk {
            Some(Chunk::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Chunk::End) => {
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
    answer: impl Future<Output = Result<Answer, EngineError>>,
    first: Instant,
    last: Instant,
    mut tell: oneshot::Sender<Head>,
) {
    // An engine at work cannot be stopped, and says itself when it takes too long; computing rows can be.
    let mut answer = match answer.await {
        Ok(answer) => answer,
        Err(error) => {
            let _ = tell.send(Err(error));
            return;
        }
    };
    let batch = tokio::select! {
        batch = tokio::time::timeout_at(first, answer.rows.next()) => batch,
        () = tell.closed() => return,
    };
    let batch = match batch {
        Ok(batch) => batch.transpose(),
        Err(_) => Err(EngineError::Timeout("the first rows took too long: ask for fewer, or allow more time".into())),
    };
    let batch = match batch {
        Ok(batch) => batch,
        Err(error) => {
            let _ = tell.send(Err(error));
            return;
        }
    };
    let (chunks, queue) = mpsc::channel(QUEUE);
    if tell.send(Ok((std::mem::take(&mut answer.positions), queue))).is_err() {
        return;
    }
    tokio::select! {
        sent = tokio::time::timeout_at(last, send(answer, batch, &chunks)) => match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an answer broke off"),
            Err(_) => tracing::warn!("an answer broke off: it took too long to be read"),
        },
        () = chunks.closed() => {}
    }
}

/// Sends the rows and the end; a client that is gone is no error.
async fn send(answer: Answer, first: Option<RecordBatch>, chunks: &mpsc::Sender<Chunk>) -> io::Result<()> {
    let mut writer = StreamWriter::try_new(vec![], &answer.schema).map_err(io::Error::other)?;
    let mut rows: Rows = Box::pin(tokio_stream::iter(first.map(Ok)).chain(answer.rows));
    while let Some(batch) = rows.next().await {
        writer.write(&batch.map_err(io::Error::other)?).map_err(io::Error::other)?;
        if chunks.send(Chunk::Bytes(std::mem::take(writer.get_mut()).into())).await.is_err() {
            return Ok(());
        }
    }
    writer.finish().map_err(io::Error::other)?;
    for chunk in [Chunk::Bytes(std::mem::take(writer.get_mut()).into()), Chunk::End] {
        let _ = chunks.send(chunk).await;
    }
    Ok(())
}
