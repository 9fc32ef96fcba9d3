//! Connections: accepted, bounded in number and in patience, and let finish at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::http::client_ip::Peer;
use crate::metrics::{Held, Metrics};

/// How many connections may be open at once; further ones wait in the system's backlog.
const MAX_CONNECTIONS: usize = 10_000;

/// A connection that sends no whole request head for this long is closed: a slow or an idle one. Longer than the
/// usual 60 s of proxies, so that they, not we, close idle connections.
const PATIENCE: Duration = Duration::from_secs(75);

/// How long what was sent may wait to be taken.
#[cfg(target_os = "linux")]
const DEAF_MILLISECONDS: u32 = 30_000;

/// The longest request head, in bytes; also what a connection holds at most of a body.
const MAX_HEAD: usize = 64 * 1024;

/// When the system can give no more connections (too many open files), wait for some to end.
const OUT_OF_RESOURCES: Duration = Duration::from_millis(100);

/// Serves `router` until `stop`, then waits for the requests under way. Connections are counted in `metrics`.
pub(super) async fn accept(listener: TcpListener, router: Router, metrics: Metrics, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let open = GracefulShutdown::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>((listener.accept().await?, place))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok(((tcp, peer), place)) => converse(tcp, peer, router.clone(), &open, (place, metrics.connection())),
            Err(error) => {
                tracing::debug!(%error, "could not accept a connection");
                tokio::time::sleep(OUT_OF_RESOURCES).await;
            }
        }
    }
    drop(listener);
    open.shutdown().await;
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
    place: (OwnedSemaphorePermit, Held),
) {
    // Answers are small and whole: waiting for more to send would only delay them.
    let _ = tcp.set_nodelay(true);
    give_up_on_the_deaf(&tcp);
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(tcp), answer);
    let conversation = open.watch(conversation);
    tokio::spawn(async move {
        if let Err(error) = conversation.await {
            tracing::debug!(%error, %peer, "connection ended early");
        }
        drop(place);
    });
}
