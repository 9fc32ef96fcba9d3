//! Connections: accepted, bounded in number and in patience, and let finish at the end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use axum::routing::future::RouteFuture;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use nix::errno::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::Service as _;

use super::connections::{Connection, ConnectionPermit, Connections, Owed};
use super::rarely::rarely;
use super::socket::{Answering, PATIENCE, Receiving, Socket};
use super::tls::{Tls, is_plain};
use super::turn_away::{send_to_https, turn_away};
use crate::base::error::causes;
use crate::platform::cores::Cores;
use crate::platform::http::client_ip::Peer;
use crate::platform::metrics::{GaugeGuard, Metrics};

/// How long what was sent may wait to be taken.
#[cfg(target_os = "linux")]
const DEAF_MILLISECONDS: u32 = 30_000;

/// The longest request head, in bytes; also what a connection holds at most of a body that nobody reads yet.
const MAX_HEAD: usize = 16 * 1024;

/// Of HTTP/2: whoever does not answer to a ping is gone.
const PING: Duration = Duration::from_secs(30);

/// Likewise, how many requests a connection may have at once.
const STREAMS: u32 = 64;

/// Likewise, how much of a body is taken, or sent, before the other side is ready for it.
const WINDOW: u32 = 64 * 1024;

/// When the system can give no more connections (too many open files), wait for some to end.
const OUT_OF_RESOURCES: Duration = Duration::from_millis(100);

/// So many of those who are turned away are told so, at a time; others are just cut off.
const TURNED_AWAY: usize = 128;

/// Serves `router` on these cores, by TLS where there is a certificate, until `stop`, then waits for the requests under way.
/// Connections are counted in `metrics`.
pub(super) async fn accept(
    (listener, cores): (TcpListener, Cores),
    places: Arc<Connections>,
    (router, tls): (Router, Option<Arc<Tls>>),
    metrics: Metrics,
    stop: CancellationToken,
) {
    let (open, told) = (TaskTracker::new(), Arc::new(Semaphore::new(TURNED_AWAY)));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((tcp, peer)) => match places.take(peer.ip()) {
                Ok(place) => {
                    let guest = Guest { peer, place, _counted: metrics.connection(), _open: open.token() };
                    converse(&cores, (tcp, guest), router.clone(), stop.clone(), tls.clone());
                }
                Err(full) => {
                    metrics.turned_away(full.label());
                    // By TLS it would cost more than an answer.
                    if tls.is_none()
                        && let Ok(turn) = Arc::clone(&told).try_acquire_owned()
                    {
                        tokio::spawn(turn_away(tcp, full, turn));
                    }
                }
            },
            Err(error) if is_out_of_files(&error) => {
                metrics.turned_away("files");
                places.make_room_for_files();
                tokio::time::sleep(OUT_OF_RESOURCES).await;
            }
            Err(error) => tracing::debug!(%error, "could not accept a connection"),
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

fn is_out_of_files(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM))
}

/// Closes a connection whose other end takes nothing of what it was sent: it is gone, or a stream that it opened would
/// keep its place for ever. Elsewhere than on Linux the system's own patience counts.
fn give_up_on_the_deaf(tcp: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_user_timeout(tcp, DEAF_MILLISECONDS);
    #[cfg(not(target_os = "linux"))]
    let _ = tcp;
}

/// Whom a connection is with, and what it takes.
struct Guest {
    peer: SocketAddr,
    place: ConnectionPermit,
    _counted: GaugeGuard,
    /// Until this is dropped, the server waits for it.
    _open: TaskTrackerToken,
}

fn converse(
    cores: &Cores,
    (tcp, guest): (TcpStream, Guest),
    router: Router,
    stop: CancellationToken,
    tls: Option<Arc<Tls>>,
) {
    // Answers are small and whole: waiting for more to send would only delay them.
    let _ = tcp.set_nodelay(true);
    give_up_on_the_deaf(&tcp);
    // The runtime that waits for it from here on is another one.
    let tcp = tcp.into_std();
    cores.serve(async move {
        let seat = Arc::clone(guest.place.seat());
        let service = Answers { router, seat: Arc::clone(&seat), peer: guest.peer };
        let ended = tokio::select! {
            // First: a request that has just come is answered.
            biased;
            ended = speak(tcp, service, stop, tls) => ended,
            () = rarely(seat.to_be_left()) => Ok(()),
        };
        if let Err(error) = ended {
            tracing::debug!(error = causes(&error), peer = %guest.peer, "connection ended early");
        }
        drop(guest);
    });
}

/// In plain HTTP/1.1, or by TLS in what the other end prefers.
async fn speak(
    tcp: io::Result<std::net::TcpStream>,
    service: Answers,
    stop: CancellationToken,
    tls: Option<Arc<Tls>>,
) -> anyhow::Result<()> {
    let tcp = TcpStream::from_std(tcp?)?;
    if tls.is_some() && is_plain(&tcp).await? {
        return Ok(send_to_https(tcp).await?);
    }
    let socket = Socket::new(tcp, Arc::clone(&service.seat));
    let Some(tls) = tls else {
        let conversation = http1().serve_connection(TokioIo::new(socket), service);
        return Ok(until_stopped(conversation, stop).await?);
    };
    let stream = tls.shake_hands(socket).await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        let conversation = http1().serve_connection(TokioIo::new(stream), service);
        return Ok(until_stopped(conversation, stop).await?);
    }
    let seat = Arc::clone(&service.seat);
    seat.is_multiplexed();
    let conversation = http2().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = until_stopped(conversation, stop) => Ok(ended?),
        () = seat.rested_for(PATIENCE) => Ok(()),
    }
}

/// Takes no further request once the server stops, and answers what is under way.
async fn until_stopped<C: GracefulConnection>(conversation: C, stop: CancellationToken) -> Result<(), C::Error> {
    let mut conversation = pin!(conversation);
    tokio::select! {
        biased;
        () = rarely(stop.cancelled()) => {}
        ended = conversation.as_mut() => return ended,
    }
    conversation.as_mut().graceful_shutdown();
    conversation.await
}

/// Without a timer of its own for each head: [`Socket`] has one for all.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_buf_size(MAX_HEAD);
    builder
}

fn http2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW)
        .max_send_buf_size(WINDOW as usize);
    builder
}

/// What answers the requests of a connection.
#[derive(Clone)]
struct Answers {
    router: Router,
    seat: Arc<Connection>,
    peer: SocketAddr,
}

impl Service<hyper::Request<Incoming>> for Answers {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: hyper::Request<Incoming>) -> Answer {
        let owed = Some(self.seat.owes());
        let mut request = request.map(|body| received(body, &self.seat));
        request.extensions_mut().insert(Peer(self.peer));
        Answer { answer: self.router.clone().call(request), owed }
    }
}

/// What comes of a request.
struct Answer {
    answer: RouteFuture<Infallible>,
    /// Until it is there.
    owed: Option<Owed>,
}

impl Future for Answer {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(answer) = ready!(Pin::new(&mut self.answer).poll(context));
        Poll::Ready(Ok(match self.owed.take() {
            Some(owed) => answered(answer, owed),
            None => answer,
        }))
    }
}

fn received(body: Incoming, seat: &Arc<Connection>) -> Body {
    if body.is_end_stream() { Body::new(body) } else { Body::new(Receiving::new(body, Arc::clone(seat))) }
}

/// Whoever has a whole answer owes us the next request; a longer one is first to be sent.
fn answered(answer: Response, owed: Owed) -> Response {
    if answer.body().size_hint().exact().is_some() {
        drop(owed);
        answer
    } else {
        answer.map(|body| Body::new(Answering::new(body, owed)))
    }
}
