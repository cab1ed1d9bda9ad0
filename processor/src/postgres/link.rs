//! A connection's bytes, both ways.
//!
//! While a question is at work the client is listened to, so one that goes away ends its question.

use super::message::{self, ClientMessage, Malformed, Opening};
use super::reply::Replies;
use crate::connection::{ConnectionPhase, ConnectionSlot};
use bytes::{Buf, BytesMut};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes that are read ahead while a question is at work.
const AHEAD_BYTES_MAX: usize = 64 << 10;
/// Replies are sent once they are so many bytes.
pub(super) const SEND_BYTES: usize = 64 << 10;

/// What bytes come from and go to: a socket, with TLS or without.
pub(super) trait ClientStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ClientStream for S {}

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum ConnectionEnd {
    /// The client is gone, or said so.
    Gone,
    /// What it sends is no message.
    Malformed(Malformed),
}

impl From<std::io::Error> for ConnectionEnd {
    fn from(_: std::io::Error) -> ConnectionEnd {
        ConnectionEnd::Gone
    }
}

impl From<Malformed> for ConnectionEnd {
    fn from(malformed: Malformed) -> ConnectionEnd {
        ConnectionEnd::Malformed(malformed)
    }
}

/// A connection.
pub(super) struct PostgresLink {
    stream: Box<dyn ClientStream>,
    input: BytesMut,
    pub(super) replies: Replies,
    place: Arc<ConnectionSlot>,
    bytes_max: usize,
}

impl PostgresLink {
    pub(super) fn new(stream: Box<dyn ClientStream>, place: Arc<ConnectionSlot>, bytes_max: usize) -> PostgresLink {
        PostgresLink { stream, input: BytesMut::new(), replies: Replies::default(), place, bytes_max }
    }

    /// The place of the connection.
    pub(super) fn place(&self) -> &ConnectionSlot {
        &self.place
    }

    /// The socket; an error if something was sent that belongs behind what was asked.
    pub(super) fn into_stream(self) -> Result<Box<dyn ClientStream>, ConnectionEnd> {
        if self.input.is_empty() {
            Ok(self.stream)
        } else {
            Err(ConnectionEnd::Malformed(Malformed("bytes before encryption")))
        }
    }

    async fn read(&mut self) -> Result<(), ConnectionEnd> {
        if self.stream.read_buf(&mut self.input).await? == 0 {
            return Err(ConnectionEnd::Gone);
        }
        Ok(())
    }

    /// What the connection begins with.
    pub(super) async fn opening(&mut self) -> Result<Opening, ConnectionEnd> {
        loop {
            if let Some((opening, length)) = message::opening(&self.input)? {
                self.input.advance(length);
                return Ok(opening);
            }
            self.read().await?;
        }
    }

    /// The next message.
    pub(super) async fn message(&mut self) -> Result<ClientMessage, ConnectionEnd> {
        loop {
            if let Some((message, length)) = message::next(&self.input, self.bytes_max)? {
                self.input.advance(length);
                if self.input.is_empty() && self.input.capacity() > AHEAD_BYTES_MAX {
                    // A long statement is not kept for the time that the connection is idle.
                    self.input = BytesMut::new();
                }
                return Ok(message);
            }
            self.read().await?;
        }
    }

    /// Ends once the client is gone; what it sends meanwhile waits.
    pub(super) async fn is_gone(&mut self) {
        while self.input.len() < AHEAD_BYTES_MAX {
            if self.read().await.is_err() {
                return;
            }
            // Its bytes belong to the next message, which begins when this question is answered.
            self.place.begin(ConnectionPhase::Answer);
        }
        std::future::pending().await
    }

    /// Sends what waits.
    pub(super) async fn send(&mut self) -> Result<(), ConnectionEnd> {
        let bytes = std::mem::take(&mut self.replies.bytes);
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await?;
        self.replies.bytes = bytes;
        self.replies.bytes.clear();
        if self.replies.bytes.capacity() > 4 * SEND_BYTES {
            self.replies.bytes = vec![];
        }
        Ok(())
    }

    /// Sends what waits if it is much.
    pub(super) async fn send_much(&mut self) -> Result<(), ConnectionEnd> {
        if self.replies.bytes.len() >= SEND_BYTES { self.send().await } else { Ok(()) }
    }

    /// Says the last word and ends.
    pub(super) async fn close(mut self) {
        let _ = self.send().await;
        let _ = self.stream.shutdown().await;
    }
}
