//! What goes over a connection, watched: the place hears when a call begins and when the last one is over, and the messages
//! of a call come in time or not at all.

use crate::connection::{ConnectionPhase, ConnectionSlot};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// How many calls of a connection are at work.
#[derive(Clone, Debug)]
pub(super) struct ActiveCalls {
    place: Arc<ConnectionSlot>,
    count: Arc<Mutex<usize>>,
}

/// A call, which is at work as long as this is there.
#[derive(Debug)]
pub(super) struct ActiveCall(ActiveCalls);

impl ActiveCalls {
    pub(super) fn new(place: Arc<ConnectionSlot>) -> ActiveCalls {
        ActiveCalls { place, count: Arc::default() }
    }

    /// One more.
    pub(super) fn begin(&self) -> ActiveCall {
        self.change(|count| {
            if *count == 0 {
                self.place.begin(ConnectionPhase::Answer);
            }
            *count += 1;
        });
        ActiveCall(self.clone())
    }

    fn change(&self, change: impl FnOnce(&mut usize)) {
        // A word, which no panic can leave half written.
        change(&mut self.count.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        let place = &self.0.place;
        self.0.change(|count| {
            *count -= 1;
            if *count == 0 {
                place.begin(ConnectionPhase::Idle);
            }
        });
    }
}

/// The messages of a client, all of which must come in a time.
pub(super) struct FlightRequestBody {
    body: Incoming,
    late: Pin<Box<Sleep>>,
    limit: Duration,
}

impl FlightRequestBody {
    pub(super) fn new(body: Incoming, limit: Duration) -> FlightRequestBody {
        FlightRequestBody { body, late: Box::pin(tokio::time::sleep(limit)), limit }
    }
}

impl Body for FlightRequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        ready!(self.late.as_mut().poll(context));
        let most = self.limit.as_secs_f64();
        Poll::Ready(Some(Err(io::Error::other(format!("the messages of the call did not come within {most} s")))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The messages of an answer: the call is over with them, or when its client has gone.
pub(super) struct FlightAnswerBody {
    body: tonic::body::Body,
    _call: ActiveCall,
}

impl FlightAnswerBody {
    pub(super) fn new(body: tonic::body::Body, call: ActiveCall) -> FlightAnswerBody {
        FlightAnswerBody { body, _call: call }
    }
}

impl Body for FlightAnswerBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
