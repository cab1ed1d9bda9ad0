//! A socket that tells its place how it gets on.

use super::place::ConnectionSlot;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket that tells when bytes come, and when none are taken.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    place: Arc<ConnectionSlot>,
    /// Whether bytes that come are the next request.
    tells_requests: bool,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, place: Arc<ConnectionSlot>) -> Socket {
        Socket { stream, place, tells_requests: true }
    }

    /// One of a protocol with frames of its own between requests: whoever reads them says when a request begins.
    #[cfg(feature = "flight")]
    pub(crate) fn of_calls(stream: TcpStream, place: Arc<ConnectionSlot>) -> Socket {
        Socket { tells_requests: false, ..Socket::new(stream, place) }
    }

    fn told<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.place.writes(written.is_pending());
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.tells_requests && buffer.filled().len() > before {
            self.place.came();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.told(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.told(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
