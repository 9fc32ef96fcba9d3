//! How often anybody may ask: at most so many requests a minute from an address and from a caller, where a setting says so.
//! Each instance counts for itself, in memory.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use crate::base::error::Error;
use crate::base::network::Network;
use crate::platform::Platform;
use crate::platform::http::access_log::ClientAddress;
use crate::platform::http::credential::Credential;
use crate::platform::shares::LeakyBuckets;

pub use crate::platform::shares::Left;

/// `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10, section 4).
pub const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// `RateLimit-Policy` (section 3).
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// 429, with what is left and the time after which to try again: whole seconds, at least one.
pub fn refusal(code: &'static str, what: &str, left: &[Left], wait: Duration) -> Error {
    let seconds = whole_seconds(wait).max(1);
    let mut headers = HeaderMap::new();
    headers.insert(header::RETRY_AFTER, seconds.into());
    tell(&mut headers, left);
    Error::too_many_requests(code, format!("{what}; try again in {seconds} s"), headers)
}

/// 429 for whoever holds `most`, their share of what `policy` calls it, or finds all taken.
pub fn share_is_taken(code: &'static str, what: &str, (policy, most): (&'static str, u32), wait: Duration) -> Error {
    refusal(code, what, &[Left { policy, quota: most, window: None, remaining: 0, reset: wait }], wait)
}

/// Adds both headers, as structured fields (RFC 9651).
fn tell(headers: &mut HeaderMap, left: &[Left]) {
    let (mut limit, mut policy) = (String::new(), String::new());
    for Left { policy: name, quota, window, remaining, reset } in left {
        let separator = if limit.is_empty() { "" } else { ", " };
        let _ = write!(limit, "{separator}\"{name}\";r={remaining};t={}", whole_seconds(*reset));
        let _ = write!(policy, "{separator}\"{name}\";q={quota}");
        if let Some(window) = window {
            let _ = write!(policy, ";w={}", whole_seconds(*window));
        }
    }
    if left.is_empty() {
        return;
    }
    for (name, text) in [(LIMIT, limit), (POLICY, policy)] {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.append(name, value);
        }
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The limits that are on.
#[derive(Debug)]
struct Limits {
    addresses: Option<LeakyBuckets<Network>>,
    callers: Option<LeakyBuckets<Credential>>,
}

impl Limits {
    /// What is left to who sends `request`.
    fn take(&self, platform: &Platform, request: &Request) -> Result<Vec<Left>, Error> {
        let now = platform.clock.uptime();
        let mut left = Vec::new();
        if let Some(addresses) = &self.addresses {
            let ClientAddress(address) = ClientAddress::of(request.extensions(), request.headers(), &platform.http);
            left.push(addresses.take(Network::of(address), now));
        }
        if let (Some(callers), Some(credential)) = (&self.callers, request.extensions().get::<Credential>()) {
            left.push(callers.take(*credential, now));
        }
        let wait = left.iter().filter_map(|left| left.as_ref().err()).map(|left| left.reset).max();
        let left: Vec<Left> = left.into_iter().map(|left| left.unwrap_or_else(|none| none)).collect();
        match wait {
            Some(wait) => Err(refusal("rate_limited", "too many requests", &left, wait)),
            None => Ok(left),
        }
    }
}

/// Answers 429 to whoever asks too often, and tells everybody else what is left to them.
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    limits: Arc<Limits>,
    platform: Platform,
}

impl<S> RateLimit<S> {
    /// A layer that lets so many requests a minute through from an address and from a caller, where 0 is no limit; `None` where
    /// both are off.
    pub fn layer(
        platform: Platform,
        per_address: u32,
        per_caller: u32,
    ) -> Option<impl Layer<S, Service = Self> + Clone> {
        let limits = Limits {
            addresses: LeakyBuckets::per_minute("address", per_address, 1),
            callers: LeakyBuckets::per_minute("caller", per_caller, 1),
        };
        let on = limits.addresses.is_some() || limits.callers.is_some();
        let limits = Arc::new(limits);
        on.then(|| layer_fn(move |inner| Self { inner, limits: Arc::clone(&limits), platform: platform.clone() }))
    }
}

impl<S> Service<Request> for RateLimit<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let left = match self.limits.take(&self.platform, &request) {
            Ok(left) => left,
            // Written where the request's id is known.
            Err(refusal) => return async { Ok(refusal.into_response()) }.boxed(),
        };
        let answer = self.inner.call(request);
        async move {
            let Ok(mut response) = answer.await;
            tell(response.headers_mut(), &left);
            Ok(response)
        }
        .boxed()
    }
}
