//! One structured line a request, and the request id that ties it to the answer.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::http::client_ip::{Peer, client_ip};
use crate::http::{credential, request_id};

/// The client's own name for itself, from `x-client-id`: printable, at most 100 characters, else not kept.
pub fn client_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("x-client-id")?.to_str().ok()?.trim();
    (!text.is_empty() && text.len() <= 100).then_some(text)
}

/// Where a request came from, for the log and for the session that it may start.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub std::net::IpAddr);

/// Answers under a fresh request id, then logs the request. Tokens and keys appear as 8 hex digits of their hash.
pub async fn access_log(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id::generate();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let local = Peer(SocketAddr::from(([127, 0, 0, 1], 0)));
    let Peer(peer) = request.extensions().get().copied().unwrap_or(local);
    let address = client_ip(peer, request.headers(), &app.config.trusted_proxies);
    let client = client_id(request.headers()).map(str::to_owned);
    let token = credential::presented(request.headers()).ok().map(|credential| credential.fingerprint());
    request.extensions_mut().insert(ClientAddress(address));

    let mut response = request_id::scope(id.clone(), next.run(request)).await;

    tracing::info!(
        target: "portero::access",
        %method,
        route = route.as_ref().map_or("-", MatchedPath::as_str),
        status = response.status().as_u16(),
        ms = start.elapsed().as_secs_f64() * 1000.0,
        %address,
        client_id = client.as_deref().unwrap_or("-"),
        token = token.as_deref().unwrap_or("-"),
        request_id = %id,
        "request"
    );
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(request_id::HEADER, id);
    }
    response
}
