//! Connections: accepted, bounded in number and in patience, and let finish at the end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use nix::errno::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::connections::{Connection, ConnectionPermit, Connections};
use super::socket::{Answering, Receiving, Socket};
use super::turn_away::turn_away;
use crate::platform::http::client_ip::Peer;
use crate::platform::metrics::{GaugeGuard, Metrics};

/// A connection that rests for this long between two requests is closed. Longer than the usual 60 s of proxies, so that
/// they, not we, close idle connections.
const PATIENCE: Duration = Duration::from_secs(75);

/// How long what was sent may wait to be taken.
#[cfg(target_os = "linux")]
const DEAF_MILLISECONDS: u32 = 30_000;

/// The longest request head, in bytes; also what a connection holds at most of a body that nobody reads yet.
const MAX_HEAD: usize = 16 * 1024;

/// When the system can give no more connections (too many open files), wait for some to end.
const OUT_OF_RESOURCES: Duration = Duration::from_millis(100);

/// So many of those who are turned away are told so, at a time; others are just cut off.
const TURNED_AWAY: usize = 128;

/// Serves `router` until `stop`, then waits for the requests under way. Connections are counted in `metrics`.
pub(super) async fn accept(
    listener: TcpListener,
    places: Arc<Connections>,
    router: Router,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let (open, told) = (GracefulShutdown::new(), Arc::new(Semaphore::new(TURNED_AWAY)));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((tcp, peer)) => match places.take(peer.ip()) {
                Ok(place) => converse(tcp, peer, router.clone(), &open, place, metrics.connection()),
                Err(full) => {
                    metrics.turned_away(full.label());
                    if let Ok(turn) = Arc::clone(&told).try_acquire_owned() {
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
    open.shutdown().await;
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

fn converse(
    tcp: TcpStream,
    peer: SocketAddr,
    router: Router,
    open: &GracefulShutdown,
    place: ConnectionPermit,
    counted: GaugeGuard,
) {
    // Answers are small and whole: waiting for more to send would only delay them.
    let _ = tcp.set_nodelay(true);
    give_up_on_the_deaf(&tcp);
    let seat = Arc::clone(place.seat());
    let socket = TokioIo::new(Socket::new(tcp, Arc::clone(&seat)));
    let answering = Arc::clone(&seat);
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let (router, seat) = (router.clone(), Arc::clone(&answering));
        seat.works();
        let mut request = request.map(|body| received(body, &seat));
        request.extensions_mut().insert(Peer(peer));
        async move {
            let answer = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            Ok::<_, Infallible>(answered(answer, seat))
        }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(socket, answer);
    let conversation = open.watch(conversation);
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = conversation => ended,
            () = seat.to_be_left() => Ok(()),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, %peer, "connection ended early");
        }
        drop((place, counted));
    });
}

fn received(body: Incoming, seat: &Arc<Connection>) -> Body {
    if body.is_end_stream() { Body::new(body) } else { Body::new(Receiving::new(body, Arc::clone(seat))) }
}

/// Whoever has a whole answer owes us the next request; a longer one is first to be sent.
fn answered(answer: Response, seat: Arc<Connection>) -> Response {
    if answer.body().size_hint().exact().is_some() {
        seat.rests();
        answer
    } else {
        answer.map(|body| Body::new(Answering::new(body, seat)))
    }
}
