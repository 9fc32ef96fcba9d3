use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either};
use subtle::ConstantTimeEq;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::answer::Answer;
use super::key::{Hash, Presented, Who};
use super::store::{self, Stored};
use super::watched::Watched;
use super::{CLAIM, Claim, HEADER, OF_STRANGERS, ROUTES};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::access_log::ClientAddress;
use crate::http::credential::{self, Credential};
use crate::{keys, tokens};

/// A long request tells so often that it is under way.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// The longest answer that is kept, in bytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// No body that was answered is longer, in bytes.
const LONGEST_BODY: usize = 32 * 1024 * 1024;

/// Does once what is asked twice under one `Idempotency-Key`. Free for requests without.
#[derive(Clone, Debug)]
pub struct Idempotency<S> {
    inner: S,
    app: App,
}

impl<S> Idempotency<S> {
    /// The layer around what is done once.
    pub fn layer(app: App) -> impl Layer<S, Service = Self> + Clone {
        layer_fn(move |inner| Self { inner, app: app.clone() })
    }
}

impl<S> Service<Request> for Idempotency<S>
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
        let has_key = request.method() == Method::POST && request.headers().contains_key(&HEADER);
        if !has_key || !counts(&request) {
            return Either::Left(self.inner.call(request));
        }
        // The one that is ready.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let app = self.app.clone();
        Either::Right(Box::pin(async move {
            let answer = once(&app, inner, request).await;
            Ok(answer.unwrap_or_else(IntoResponse::into_response))
        }))
    }
}

fn counts(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    route.is_some_and(|route| ROUTES.contains(&route) || OF_STRANGERS.contains(&route))
}

async fn once<S>(app: &App, inner: S, request: Request) -> Result<Response>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let (mut head, body) = request.into_parts();
    let presented = presented(app, &mut head).await?;
    let asked = Asked { presented, target: format!("{} {}", head.method, head.uri) };
    match find(app, &asked.presented).await? {
        Found::Ours(claim) => first(app, inner, Request::from_parts(head, body), &asked, claim).await,
        Found::UnderWay => Err(in_use()),
        Found::Done(stored) => asked.again(&stored, body).await,
    }
}

/// The key, of a caller whose credential is valid now: also an answer that is kept is for nobody else.
async fn presented(app: &App, head: &mut Parts) -> Result<Presented> {
    let of_strangers = head.extensions.get::<MatchedPath>().is_some_and(|path| OF_STRANGERS.contains(&path.as_str()));
    let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(head, app).await;
    if of_strangers {
        return Presented::of(&head.headers, Who::Stranger(address), "");
    }
    let who = match Credential::from_request_parts(head, app).await? {
        Credential::Token(token) => Who::Person(tokens::check(app, token, None).await?.session.person),
        Credential::Key(key) => Who::ServiceKey(keys::check(app, key).await?.id),
    };
    Presented::of(&head.headers, who, credential::text(&head.headers)?)
}

/// What a key means to a request.
enum Found {
    /// It is this request's to do.
    Ours(Claim),
    /// Another does it now.
    UnderWay,
    /// It is done.
    Done(Stored),
}

async fn find(app: &App, presented: &Presented) -> Result<Found> {
    let claim = Claim::new(presented)?;
    let mut tx = app.db.begin().await?;
    loop {
        let now = app.clock.now();
        match store::find(&mut tx, presented.digest(), now).await? {
            Some(stored) if stored.under_way => return Ok(Found::UnderWay),
            Some(stored) => return Ok(Found::Done(stored)),
            None => {}
        }
        // Somebody else may be quicker, and be refused and gone again before we look: then it is our turn after all.
        if store::claim(&mut tx, presented, &claim, now).await? {
            tx.commit().await?;
            return Ok(Found::Ours(claim));
        }
    }
}

/// Lets the request through, and keeps its answer.
async fn first<S>(app: &App, mut inner: S, request: Request, asked: &Asked, claim: Claim) -> Result<Response>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let mut hold = Held { app: app.clone(), claim: Some(claim.clone()) };
    let (head, body) = request.into_parts();
    let (body, read) = Watched::new(body);
    let answer = inner.call(Request::from_parts(head, Body::new(body)));
    let mut answer = pin!(CLAIM.scope(claim.clone(), answer));
    let response = loop {
        match timeout(SIGN_OF_LIFE, &mut answer).await {
            Ok(Ok(response)) => break response,
            Err(_) => claim.keep(app).await,
        }
    };
    let (head, body) = response.into_parts();
    let is_short = body.size_hint().upper().is_some_and(|bytes| bytes <= LONGEST_ANSWER as u64);
    let (true, true, Some(digest)) = (head.status.is_success(), is_short, read.whole()) else {
        hold.release().await;
        return Ok(Response::from_parts(head, body));
    };
    hold.claim = None;
    let body = to_bytes(body, LONGEST_ANSWER).await.map_err(|error| Error::Internal(error.into()))?;
    if let Err(error) = asked.keep(app, &claim, &digest, &Answer::new(&head, &body)?).await {
        tracing::warn!(%error, "could not keep the answer to an Idempotency-Key; who asks again is told that it is done");
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// A request with a key.
struct Asked {
    presented: Presented,
    /// Method, path and query.
    target: String,
}

impl Asked {
    async fn keep(&self, app: &App, claim: &Claim, body: &Hash, answer: &Answer) -> Result<()> {
        let sealed = answer.seal(&self.presented.seal(body), self.presented.digest())?;
        let fingerprint = self.presented.fingerprint(&self.target, body);
        let mut tx = app.db.begin().await?;
        store::answer(&mut tx, claim, &fingerprint, &sealed).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The answer that was given before, if the same is asked.
    async fn again(&self, stored: &Stored, body: Body) -> Result<Response> {
        let same_session = bool::from(self.presented.session().ct_eq(&stored.session));
        let (Some(fingerprint), Some(sealed), true) = (&stored.fingerprint, &stored.answer, same_session) else {
            return Err(lost());
        };
        let body = digest(body).await?;
        if !bool::from(self.presented.fingerprint(&self.target, &body).ct_eq(fingerprint)) {
            return Err(reused());
        }
        Answer::open(sealed, &self.presented.seal(&body), self.presented.digest())?.again()
    }
}

/// Frees the key also when the request is given up midway.
struct Held {
    app: App,
    claim: Option<Claim>,
}

impl Held {
    async fn release(&mut self) {
        if let Some(claim) = self.claim.take() {
            claim.release(&self.app).await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let (Some(claim), Ok(runtime)) = (self.claim.take(), Handle::try_current()) {
            let app = self.app.clone();
            runtime.spawn(async move { claim.release(&app).await });
        }
    }
}

/// The SHA-256 of a body that nobody else reads.
async fn digest(body: Body) -> Result<Hash> {
    let (body, read) = Watched::new(body);
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

fn in_use() -> Error {
    let detail = "a request with this Idempotency-Key is under way; ask again in a moment to hear its answer";
    Error::conflict("idempotency_key_in_use", detail)
}

fn lost() -> Error {
    let detail = "what was asked with this Idempotency-Key is done, but only the session that asked can hear the answer, \
                  and not if the server stopped meanwhile; look for what it made";
    Error::conflict("idempotency_answer_lost", detail)
}

fn reused() -> Error {
    let detail = "something else was asked with this Idempotency-Key; take a new one for each thing to do";
    Error::unprocessable("idempotency_key_reused", detail)
}
