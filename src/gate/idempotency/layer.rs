use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either};
use sqlx::PgConnection;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::answer::StoredResponse;
use super::hashed_body::HashedBody;
use super::key::{Hash, KeyOwner, PresentedKey};
use super::keys_in_use::KeysInUse;
use super::store::{self, StoredRequest};
use super::{CLAIM, Claim, HEADER};
use crate::base::error::{Error, Result};
use crate::gate::Gate;
use crate::platform::http::Askers;
use crate::platform::http::access_log::ClientAddress;
use crate::platform::http::credential::{self, Credential};
use crate::platform::http::rate_limit;

/// The longest answer that is kept, in bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// How many keys a caller has answers kept under, at most.
const MOST_OF_A_CALLER: i64 = 10_000;

/// No body that was answered is longer, in bytes.
const LONGEST_BODY: usize = 32 * 1024 * 1024;

/// The keys that requests have come with.
#[derive(Clone, Debug)]
pub struct Idempotency {
    gate: Gate,
    under_way: KeysInUse,
}

impl Idempotency {
    /// Those of one server.
    pub fn of(gate: Gate) -> Self {
        Self { gate, under_way: KeysInUse::default() }
    }

    /// The layer around a route that takes keys of these.
    pub fn layer<S>(&self, askers: Askers) -> impl Layer<S, Service = Once<S>> + Clone + use<S> {
        let keys = self.clone();
        layer_fn(move |inner| Once { inner, askers, keys: keys.clone() })
    }
}

/// Does once what is asked twice under one `Idempotency-Key`.
#[derive(Clone, Debug)]
pub struct Once<S> {
    inner: S,
    askers: Askers,
    keys: Idempotency,
}

impl<S> Service<Request> for Once<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if request.method() != Method::POST || !request.headers().contains_key(&HEADER) {
            return Either::Left(self.inner.call(request));
        }
        // The one that is ready.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let (keys, askers) = (self.keys.clone(), self.askers);
        Either::Right(Box::pin(async move {
            let answer = once(&keys, askers, inner, request).await;
            Ok(answer.unwrap_or_else(IntoResponse::into_response))
        }))
    }
}

async fn once<S>(keys: &Idempotency, askers: Askers, inner: S, request: Request) -> Result<Response>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let Idempotency { gate, under_way } = keys;
    let (mut head, body) = request.into_parts();
    let presented = presented(gate, askers, &mut head).await?;
    let asked = KeyedRequest { presented, target: format!("{} {}", head.method, head.uri) };
    let one = under_way.begin(*asked.presented.digest());
    let mut conn = gate.db.read().await?;
    let found = find(&mut conn, &asked.presented, gate.clock.now()).await?;
    if let Some(stored) = found {
        drop((one, conn));
        return asked.again(&stored, &digest(body).await?);
    }
    let _one = one.ok_or_else(in_use)?;
    must_have_room(&mut conn, &asked.presented, gate.clock.now()).await?;
    drop(conn);
    first(gate, inner, Request::from_parts(head, body), &asked).await
}

/// The key, of a caller whose credential is valid now: also an answer that is kept is for nobody else.
async fn presented(gate: &Gate, askers: Askers, head: &mut Parts) -> Result<PresentedKey> {
    let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(head, gate).await;
    if askers == Askers::Strangers {
        return PresentedKey::of(&head.headers, KeyOwner::Stranger(address), "");
    }
    let who = match Credential::from_request_parts(head, gate).await? {
        Credential::Token(token) => {
            KeyOwner::Person(crate::gate::check::check(gate, token, None).await?.session.person)
        }
        Credential::ApiKey(key) => {
            KeyOwner::Person(crate::gate::check::check_api_key(gate, key, None, Some(address)).await?.key.person)
        }
        Credential::Access(_) => return Err(credential::access_token_not_taken()),
        Credential::Key(key) => KeyOwner::ServiceKey(crate::gate::keys::check(gate, key).await?.id),
    };
    PresentedKey::of(&head.headers, who, credential::text(&head.headers)?)
}

/// What was done under a key.
///
/// # Errors
/// 409 `idempotency_key_in_use` while its answer is still to come.
async fn find(conn: &mut PgConnection, presented: &PresentedKey, now: OffsetDateTime) -> Result<Option<StoredRequest>> {
    match store::find(conn, presented.digest(), now).await? {
        Some(stored) if stored.under_way => Err(in_use()),
        found => Ok(found),
    }
}

/// Refuses (429 `too_many_idempotency_keys`) whoever has so many that it costs others.
async fn must_have_room(conn: &mut PgConnection, presented: &PresentedKey, now: OffsetDateTime) -> Result<()> {
    match store::full_until(conn, presented.caller(), MOST_OF_A_CALLER, now).await? {
        None => Ok(()),
        Some(until) => {
            let what = "answers to too many of your Idempotency-Keys are kept";
            let most = ("idempotency-keys", u32::try_from(MOST_OF_A_CALLER).unwrap_or(u32::MAX));
            Err(rate_limit::share_is_taken("too_many_idempotency_keys", what, most, (until - now).unsigned_abs()))
        }
    }
}

/// Lets the request through, and keeps its answer.
async fn first<S>(gate: &Gate, mut inner: S, request: Request, asked: &KeyedRequest) -> Result<Response>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let claim = Claim::new(&asked.presented)?;
    let (head, body) = request.into_parts();
    let (body, read) = HashedBody::new(body);
    let answer = inner.call(Request::from_parts(head, Body::new(body)));
    let Ok(response) = CLAIM.scope(claim.clone(), answer).await;
    let (head, body) = response.into_parts();
    let is_short = body.size_hint().upper().is_some_and(|bytes| bytes <= LONGEST_ANSWER as u64);
    let Some(digest) = read.whole() else { return Ok(Response::from_parts(head, body)) };
    if !head.status.is_success() {
        // What refused it may be what another instance has done meanwhile, under the same key.
        let done = find(&mut *gate.db.read().await?, &asked.presented, gate.clock.now()).await?;
        return done.map_or_else(|| Ok(Response::from_parts(head, body)), |done| asked.again(&done, &digest));
    }
    if !is_short {
        return Ok(Response::from_parts(head, body));
    }
    let body = to_bytes(body, LONGEST_ANSWER).await.map_err(|error| Error::Internal(error.into()))?;
    if let Err(error) = asked.keep(gate, &claim, &digest, &StoredResponse::new(&head, &body)?).await {
        tracing::warn!(%error, "could not keep the answer to an Idempotency-Key; who asks again is told that it is done");
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// A request with a key.
struct KeyedRequest {
    presented: PresentedKey,
    /// Method, path and query.
    target: String,
}

impl KeyedRequest {
    async fn keep(&self, gate: &Gate, claim: &Claim, body: &Hash, answer: &StoredResponse) -> Result<()> {
        let sealed = answer.seal(&self.presented.seal(body), self.presented.digest())?;
        let fingerprint = self.presented.fingerprint(&self.target, body);
        let mut tx = gate.db.begin().await?;
        store::answer(&mut tx, claim, (&fingerprint, &sealed), gate.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The answer that was given before, if the same is asked.
    fn again(&self, stored: &StoredRequest, body: &Hash) -> Result<Response> {
        let same_session = bool::from(self.presented.session().ct_eq(&stored.session));
        let (Some(fingerprint), Some(sealed), true) = (&stored.fingerprint, &stored.answer, same_session) else {
            return Err(lost());
        };
        if !bool::from(self.presented.fingerprint(&self.target, body).ct_eq(fingerprint)) {
            return Err(reused());
        }
        StoredResponse::open(sealed, &self.presented.seal(body), self.presented.digest())?.again()
    }
}

/// The SHA-256 of a body that nobody else reads.
async fn digest(body: Body) -> Result<Hash> {
    let (body, read) = HashedBody::new(body);
    let mut body = Body::new(body).into_data_stream();
    let mut length = 0;
    while let Some(bytes) = body.next().await {
        length += bytes.map_err(|_| Error::invalid_field("", "the body could not be read to its end"))?.len();
        if length > LONGEST_BODY {
            return Err(reused());
        }
    }
    read.whole().ok_or_else(|| Error::invalid_field("", "the body could not be read to its end"))
}

pub(super) fn in_use() -> Error {
    let detail = "a request with this Idempotency-Key is in progress; try again in a moment to get its answer";
    Error::conflict("idempotency_key_in_use", detail)
}

fn lost() -> Error {
    let detail = "what was asked with this Idempotency-Key is done, but only the session that asked can hear the answer, \
                  and not if the server stopped meanwhile; look for what it made";
    Error::conflict("idempotency_answer_lost", detail)
}

fn reused() -> Error {
    let detail = "this Idempotency-Key was used for a different request; use a new one for each request";
    Error::unprocessable("idempotency_key_reused", detail)
}
