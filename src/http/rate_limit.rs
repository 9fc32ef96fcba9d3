//! How often anybody may ask: at most so many requests a minute from an address and from a caller, where a setting says so.
//! Each instance counts for itself, in memory.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use crate::app::App;
use crate::attempts::Network;
use crate::error::Error;
use crate::http::access_log::ClientAddress;
use crate::http::credential::Credential;

/// `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10, section 4).
pub const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// `RateLimit-Policy` (section 3).
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

const MINUTE: Duration = Duration::from_mins(1);

/// Who asks whether we live is never turned away.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// The most that is remembered: beyond it newcomers are let in uncounted.
const MOST: usize = 100_000;

/// What is left of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which one.
    pub policy: &'static str,
    /// How many requests it is.
    pub quota: u32,
    /// In what time, if that is fixed.
    pub window: Option<Duration>,
    /// How many are left.
    pub remaining: u32,
    /// When there will be all of them again, or, where none is left, the next.
    pub reset: Duration,
}

/// 429, with what is left and the time after which to try again: whole seconds, at least one.
pub fn refusal(code: &'static str, what: &str, left: &[Left], wait: Duration) -> Error {
    let seconds = whole_seconds(wait).max(1);
    let mut headers = HeaderMap::new();
    headers.insert(header::RETRY_AFTER, seconds.into());
    tell(&mut headers, left);
    Error::too_many_requests(code, format!("{what}; try again in {seconds} s"), headers)
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

/// How much each of many has used: leaky buckets, of which the moment is kept when they are empty.
#[derive(Debug)]
struct Buckets<K> {
    policy: &'static str,
    a_minute: u32,
    kept: Mutex<Kept<K>>,
}

#[derive(Debug)]
struct Kept<K> {
    empty_at: HashMap<K, Duration>,
    swept_at: Duration,
}

impl<K: Hash + Eq> Buckets<K> {
    fn new(policy: &'static str, a_minute: u32) -> Option<Self> {
        let kept = Kept { empty_at: HashMap::new(), swept_at: Duration::ZERO };
        (a_minute > 0).then(|| Self { policy, a_minute, kept: Mutex::new(kept) })
    }

    /// One more request at `now`; refused with what there is to wait.
    fn take(&self, key: K, now: Duration) -> Result<Left, Left> {
        let each = MINUTE / self.a_minute;
        let left = |remaining, reset| Left {
            policy: self.policy,
            quota: self.a_minute,
            window: Some(MINUTE),
            remaining,
            reset,
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.sweep(now);
        let before = kept.empty_at.get(&key).copied().unwrap_or_default().max(now);
        let after = before + each;
        let room = (now + MINUTE).checked_sub(after);
        let Some(room) = room else { return Err(left(0, after.saturating_sub(MINUTE).saturating_sub(now))) };
        if kept.empty_at.len() < MOST || kept.empty_at.contains_key(&key) {
            kept.empty_at.insert(key, after);
        }
        let remaining = u32::try_from(room.as_nanos() / each.as_nanos()).unwrap_or(u32::MAX);
        Ok(left(remaining, after.saturating_sub(now)))
    }
}

impl<K: Hash + Eq> Kept<K> {
    /// Forgets whose bucket is empty: every minute, and, while there is no room, every second.
    fn sweep(&mut self, now: Duration) {
        let after = if self.empty_at.len() < MOST { MINUTE } else { Duration::from_secs(1) };
        if now.saturating_sub(self.swept_at) >= after {
            self.empty_at.retain(|_, empty_at| *empty_at > now);
            self.empty_at.shrink_to(self.empty_at.len() * 2);
            self.swept_at = now;
        }
    }
}

/// The limits that are on.
#[derive(Debug)]
struct Limits {
    addresses: Option<Buckets<Network>>,
    callers: Option<Buckets<Credential>>,
}

impl Limits {
    /// What is left to who sends `request`.
    fn take(&self, app: &App, request: &Request) -> Result<Vec<Left>, Error> {
        let now = app.clock.uptime();
        let mut left = Vec::new();
        if let Some(addresses) = &self.addresses {
            let ClientAddress(address) = ClientAddress::of(request.extensions(), request.headers(), &app.config);
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
    app: App,
}

impl<S> RateLimit<S> {
    /// A layer with the limits of the settings; `None` where they are off.
    pub fn layer(app: App) -> Option<impl Layer<S, Service = Self> + Clone> {
        let limits = Limits {
            addresses: Buckets::new("address", app.config.requests_per_address),
            callers: Buckets::new("caller", app.config.requests_per_caller),
        };
        let on = limits.addresses.is_some() || limits.callers.is_some();
        let limits = Arc::new(limits);
        on.then(|| layer_fn(move |inner| Self { inner, limits: Arc::clone(&limits), app: app.clone() }))
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
        if PROBES.contains(&request.uri().path()) {
            return self.inner.call(request).boxed();
        }
        let left = match self.limits.take(&self.app, &request) {
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn buckets(a_minute: u32) -> Buckets<u32> {
        Buckets::new("address", a_minute).expect("a limit")
    }

    #[test]
    fn no_quota_is_no_limit() {
        assert!(Buckets::<u32>::new("address", 0).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let buckets = buckets(10);
        let most = u32::try_from(MOST).expect("a number");
        for key in 0..most + 1000 {
            assert!(buckets.take(key, Duration::ZERO).is_ok());
        }
        let remembered = || buckets.kept.lock().expect("nobody has panicked").empty_at.len();
        assert_eq!(remembered(), MOST);
        for _ in 0..9 {
            assert!(buckets.take(0, Duration::ZERO).is_ok());
        }
        assert!(buckets.take(0, Duration::ZERO).is_err(), "who is remembered is limited still");
        assert!(buckets.take(most + 1, MINUTE).is_ok());
        assert_eq!(remembered(), 1, "a minute later they are all forgotten");
    }

    proptest! {
        /// In no minute more than the quota and what it drips meanwhile; and whoever waits as told is answered.
        #[test]
        fn nobody_gets_more_than_the_quota(a_minute in 1_u32..200, pauses in vec(0_u64..5_000, 1..400)) {
            let buckets = buckets(a_minute);
            let (mut now, mut answered) = (Duration::ZERO, Vec::new());
            for pause in pauses {
                now += Duration::from_millis(pause);
                match buckets.take(1, now) {
                    Ok(left) => {
                        answered.push(now);
                        prop_assert!(left.remaining < a_minute && left.reset <= MINUTE);
                    }
                    Err(left) => {
                        prop_assert!(left.remaining == 0 && left.reset > Duration::ZERO && left.reset <= MINUTE);
                        now += left.reset;
                        prop_assert!(buckets.take(1, now).is_ok());
                        answered.push(now);
                    }
                }
                let recent = answered.iter().filter(|at| now.saturating_sub(**at) < MINUTE).count();
                prop_assert!(recent <= 2 * a_minute as usize);
            }
        }
    }
}
