//! What goes over a connection, watched: the bodies of requests and answers tell the place how they get on.

use crate::connection::{ConnectionPhase, ConnectionSlot};
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The body of a request, which tells when it is whole.
#[derive(Debug)]
pub(super) struct TimedRequestBody {
    body: Incoming,
    place: Arc<ConnectionSlot>,
}

impl TimedRequestBody {
    pub(super) fn new(body: Incoming, place: Arc<ConnectionSlot>) -> TimedRequestBody {
        TimedRequestBody { body, place }
    }
}

impl HttpBody for TimedRequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if self.body.is_end_stream() || matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.place.is_asked();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer, which tells when it has been handed over to be written.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: Body,
    place: Arc<ConnectionSlot>,
}

impl AnswerBody {
    pub(super) fn new(body: Body, place: Arc<ConnectionSlot>) -> AnswerBody {
        AnswerBody { body, place }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.place.begin(ConnectionPhase::Idle);
    }
}
