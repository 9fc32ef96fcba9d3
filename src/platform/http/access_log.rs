//! One structured line a request, and the request id that ties it to the answer.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::extract::{FromRef, FromRequestParts, MatchedPath, Request};
use axum::http::header::{CACHE_CONTROL, USER_AGENT, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either};
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use crate::base::request_id;
use crate::platform::Platform;
use crate::platform::http::Settings;
use crate::platform::http::client_ip::{Peer, client_ip};
use crate::platform::http::credential::{self, Credential};
use crate::platform::http::trace;
use crate::platform::metrics::InFlightRequest;

/// The client's own name for itself, from `x-client-id`: printable, at most 100 characters, else not kept.
pub fn client_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("x-client-id")?.to_str().ok()?.trim();
    (!text.is_empty() && text.len() <= 100).then_some(text)
}

/// What the client's program is, from `User-Agent`: the first 300 characters.
pub fn user_agent(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(&text[..text.len().min(300)])
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    pub(super) fn of(request: &Extensions, headers: &HeaderMap, settings: &Settings) -> Self {
        let local = Peer(SocketAddr::from(([127, 0, 0, 1], 0)));
        let Peer(peer) = request.get().copied().unwrap_or(local);
        Self(client_ip(peer, headers, &settings.trusted_proxies))
    }
}

impl<S> FromRequestParts<S> for ClientAddress
where
    Platform: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let platform = Platform::from_ref(state);
        Ok(Self::of(&parts.extensions, &parts.headers, &platform.http))
    }
}

/// What the line says of a request, kept until it is answered.
struct AccessLogEntry {
    start: Instant,
    method: Method,
    route: Option<MatchedPath>,
    address: IpAddr,
    client: Option<String>,
    credential: Option<Credential>,
}

impl AccessLogEntry {
    fn of(request: &Request, credential: Option<Credential>, settings: &Settings) -> Self {
        let headers = request.headers();
        Self {
            start: Instant::now(),
            method: request.method().clone(),
            route: request.extensions().get().cloned(),
            address: ClientAddress::of(request.extensions(), headers, settings).0,
            client: client_id(headers).map(str::to_owned),
            credential,
        }
    }

    fn log(&self, status: StatusCode, id: &str) {
        let fingerprint = self.credential.map(|credential| credential.fingerprint());
        tracing::info!(
            target: "portero::access",
            method = self.method.as_str(),
            route = self.route.as_ref().map_or("-", MatchedPath::as_str),
            status = status.as_u16(),
            ms = milliseconds(self.start.elapsed()),
            address = %self.address,
            client_id = self.client.as_deref().unwrap_or("-"),
            token = fingerprint.as_deref().unwrap_or("-"),
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

/// The longest id that a caller may give a request.
const LONGEST_ID: usize = 128;

/// The id that a caller gives a request: visible ASCII, and one alone; what else it is, is the caller's own matter.
fn id_of_caller(headers: &HeaderMap) -> Option<Arc<str>> {
    let mut values = headers.get_all(request_id::HEADER).iter();
    let text = values.next()?.to_str().ok()?;
    let is_one = (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    (is_one && values.next().is_none()).then(|| text.into())
}

/// Answers under a fresh request id, or one of the caller's where the route takes these, then logs the request. Tokens and keys appear as 8 hex digits of their hash. Nothing here is
/// to be kept by anybody on the way, or guessed at by a browser.
#[derive(Clone, Debug)]
pub struct AccessLog<S> {
    inner: S,
    platform: Platform,
    takes_ids: bool,
}

impl<S> AccessLog<S> {
    /// The layer around what is logged.
    pub fn layer(platform: Platform, takes_ids: bool) -> impl Layer<S, Service = Self> + Clone {
        layer_fn(move |inner| Self { inner, platform: platform.clone(), takes_ids })
    }
}

impl<S> Service<Request> for AccessLog<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = LoggedAnswer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // Hashed once for all who look at it.
        let credential = credential::presented(request.headers()).ok();
        if let Some(credential) = credential {
            request.extensions_mut().insert(credential);
        }
        let logs = tracing::enabled!(target: "portero::access", tracing::Level::INFO);
        let asked = logs.then(|| AccessLogEntry::of(&request, credential, &self.platform.http));
        let under_way = self.platform.metrics.request(&request);
        let given = if self.takes_ids { id_of_caller(request.headers()) } else { None };
        let id = given.unwrap_or_else(request_id::generate);
        let span = self.platform.http.traces.then(|| trace::span(&self.platform.http, &request, &id));
        let answer = request_id::scope(Arc::clone(&id), self.inner.call(request));
        let answer = match span {
            Some(span) => Either::Right(trace::within(span, answer.map(|Ok(answered)| answered)).map(Ok).boxed()),
            None => Either::Left(answer),
        };
        LoggedAnswer { answer, asked, under_way: Some(under_way), id }
    }
}

type Answered = Result<Response, Infallible>;

pin_project! {
    /// An answer that is logged once it is there.
    pub struct LoggedAnswer<F> {
        #[pin]
        answer: Either<TaskLocalFuture<Arc<str>, F>, BoxFuture<'static, Answered>>,
        asked: Option<AccessLogEntry>,
        under_way: Option<InFlightRequest>,
        id: Arc<str>,
    }
}

impl<F: Future<Output = Answered>> Future for LoggedAnswer<F> {
    type Output = Answered;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let this = self.project();
        let Ok(mut response) = ready!(this.answer.poll(context));
        if let Some(under_way) = this.under_way.take() {
            under_way.answered(response.status());
        }
        if let Some(asked) = this.asked {
            asked.log(response.status(), this.id);
        }
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(this.id) {
            headers.insert(request_id::HEADER, id);
        }
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Poll::Ready(Ok(response))
    }
}
