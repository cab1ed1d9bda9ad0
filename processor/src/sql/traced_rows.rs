//! The rows of an answer, counted for the span of their question.

use super::{RowStream, SqlAnswer};
use crate::engine::EngineError;
use crate::traced;
use arrow::array::RecordBatch;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_stream::Stream;
use tracing::Span;

/// The answer to a question, whose rows belong to the question's span.
pub(super) fn answered(span: Span, answer: Result<SqlAnswer, EngineError>) -> Result<SqlAnswer, EngineError> {
    match answer {
        Ok(answer) if !span.is_disabled() => {
            let rows: RowStream = Box::pin(TracedRows { rows: answer.rows, span, count: 0 });
            Ok(SqlAnswer { rows, ..answer })
        }
        Ok(answer) => Ok(answer),
        Err(error) => {
            traced::failed(&span, &error);
            Err(error)
        }
    }
}

/// Rows that are counted; the span ends with them.
struct TracedRows {
    rows: RowStream,
    span: Span,
    count: u64,
}

impl Stream for TracedRows {
    type Item = Result<RecordBatch, EngineError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let next = this.rows.as_mut().poll_next(context);
        match &next {
            Poll::Ready(Some(Ok(batch))) => this.count += batch.num_rows() as u64,
            Poll::Ready(Some(Err(error))) => traced::failed(&this.span, error),
            Poll::Ready(None) | Poll::Pending => {}
        }
        next
    }
}

impl Drop for TracedRows {
    fn drop(&mut self) {
        traced::returned(&self.span, self.count);
    }
}
