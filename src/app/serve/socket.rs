//! The ends of a conversation, watched: which of both owes the other something, and since when.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::connections::{Connection, Owed};

/// How long a request's head may take from its first byte to its last; that of the first one, from the connection on.
const HEAD: Duration = Duration::from_secs(10);

/// A connection that rests for this long between two requests is closed. Longer than the usual 60 s of proxies, so that
/// they, not we, close idle connections.
pub(super) const PATIENCE: Duration = Duration::from_secs(75);

/// A connection on which no request head takes longer than [`HEAD`], and nobody rests for longer than [`PATIENCE`].
pub(super) struct Socket {
    tcp: TcpStream,
    seat: Arc<Connection>,
    /// One for all of them: it is put off when it rings, so that no request sets one.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream, seat: Arc<Connection>) -> Self {
        Self { tcp, seat, alarm: None }
    }

    /// Whether the head that we wait for has had its time, or whoever rests has. The latter is their end of the connection.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (head, rest) = (self.seat.waits_for_head_since(), self.seat.rests_since());
        let Some(due) = head.map(|since| since + HEAD).or_else(|| Some(rest? + PATIENCE)) else {
            return Poll::Pending;
        };
        let due = Instant::from_std(due);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if due < alarm.deadline() {
            alarm.as_mut().reset(due);
        }
        ready!(alarm.as_mut().poll(context));
        while Instant::now() < due {
            alarm.as_mut().reset(due);
            ready!(alarm.as_mut().poll(context));
        }
        Poll::Ready(match head {
            Some(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "a request's head took too long")),
            None => Ok(()),
        })
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.tcp).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                if buffer.filled().len() > before {
                    self.seat.hears();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_late(context),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}

/// The body of a request, while it comes.
pub(super) struct Receiving {
    body: Incoming,
    seat: Arc<Connection>,
}

impl Receiving {
    pub(super) fn new(body: Incoming, seat: Arc<Connection>) -> Self {
        Self { body, seat }
    }
}

impl HttpBody for Receiving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Pending => self.seat.waits_for_body(),
            Poll::Ready(_) => self.seat.works(),
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

/// The body of an answer, while it goes.
pub(super) struct Answering {
    body: Body,
    _owed: Owed,
}

impl Answering {
    pub(super) fn new(body: Body, owed: Owed) -> Self {
        Self { body, _owed: owed }
    }
}

impl HttpBody for Answering {
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
