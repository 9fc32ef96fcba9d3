//! One structured line a request, and the request id that ties it to the answer.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::config::Config;
use crate::http::client_ip::{Peer, client_ip};
use crate::http::{credential, request_id, trace};

/// The client's own name for itself, from `x-client-id`: printable, at most 100 characters, else not kept.
pub fn client_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("x-client-id")?.to_str().ok()?.trim();
    (!text.is_empty() && text.len() <= 100).then_some(text)
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    pub(super) fn of(request: &Extensions, headers: &HeaderMap, config: &Config) -> Self {
        let local = Peer(SocketAddr::from(([127, 0, 0, 1], 0)));
        let Peer(peer) = request.get().copied().unwrap_or(local);
        Self(client_ip(peer, headers, &config.trusted_proxies))
    }
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions, &parts.headers, &app.config))
    }
}

/// What the line says of a request, kept until it is answered.
struct Asked {
    start: Instant,
    method: Method,
    route: Option<MatchedPath>,
    address: IpAddr,
    client: Option<String>,
    token: Option<String>,
}

impl Asked {
    fn of(request: &Request, config: &Config) -> Self {
        let headers = request.headers();
        Self {
            start: Instant::now(),
            method: request.method().clone(),
            route: request.extensions().get().cloned(),
            address: ClientAddress::of(request.extensions(), headers, config).0,
            client: client_id(headers).map(str::to_owned),
            token: credential::presented(headers).ok().map(|credential| credential.fingerprint()),
        }
    }

    fn log(&self, status: StatusCode, id: &str) {
        tracing::info!(
            target: "portero::access",
            method = self.method.as_str(),
            route = self.route.as_ref().map_or("-", MatchedPath::as_str),
            status = status.as_u16(),
            ms = milliseconds(self.start.elapsed()),
            address = %self.address,
            client_id = self.client.as_deref().unwrap_or("-"),
            token = self.token.as_deref().unwrap_or("-"),
            request_id = id,
            "request"
        );
    }
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no request takes centuries")]
    let micros = time.as_micros() as f64;
    micros / 1000.0
}

/// Answers under a fresh request id, then logs the request. Tokens and keys appear as 8 hex digits of their hash. Nothing here is
/// to be kept by anybody on the way, or guessed at by a browser.
pub async fn access_log(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = request_id::generate();
    let logs = tracing::enabled!(target: "portero::access", tracing::Level::INFO);
    let asked = logs.then(|| Asked::of(&request, &app.config));
    let under_way = app.metrics.request(&request);

    let answer = async {
        if app.config.traces { Box::pin(trace::answer(&app, request, next)).await } else { next.run(request).await }
    };
    let mut response = request_id::scope(Arc::clone(&id), answer).await;

    under_way.answered(response.status());
    if let Some(asked) = asked {
        asked.log(response.status(), &id);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(request_id::HEADER, id);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
