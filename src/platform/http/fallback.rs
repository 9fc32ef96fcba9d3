//! Answers for what no route takes: unknown paths, unknown methods, a panic, a request that takes too long.

use std::any::Any;
use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::{CatchUnwind, Either, Map, Ready, ready};
use tokio::time::error::Elapsed;
use tokio::time::{Timeout, timeout};
use tower::layer::layer_fn;
use tower::{Layer, Service};

use crate::base::error::Error;
use crate::platform::database;
use crate::platform::http::Deadline;

/// 404 in the shape of every other error.
pub fn unknown_path() -> Error {
    Error::not_found("route_not_found", "no such path; GET /docs lists them all")
}

/// 405 in the shape of every other error; axum adds `Allow`. A browser's question whether it may call is answered before
/// this, where any may.
pub async fn unknown_method(method: Method, headers: HeaderMap) -> Error {
    let is_preflight = method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    Error::method_not_allowed(if is_preflight {
        "a browser asks whether a page of another origin may call, and none may: set CORS to its origin and start Portero again"
    } else {
        "this path does not answer that method; the `Allow` header names those it does"
    })
}

/// Answers 500 for a panic; the panic hook has logged it.
#[derive(Clone, Debug)]
pub struct CatchPanics<S>(S);

impl<S> CatchPanics<S> {
    /// A layer of it.
    pub fn layer() -> impl Layer<S, Service = Self> + Clone {
        layer_fn(Self)
    }
}

type Panicked = Box<dyn Any + Send>;
type Caught<F> = Map<CatchUnwind<AssertUnwindSafe<F>>, fn(Result<Answered, Panicked>) -> Answered>;

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for CatchPanics<S>
where
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Caught<S::Future>, Ready<Answered>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match panic::catch_unwind(AssertUnwindSafe(|| self.0.call(request))) {
            Ok(answer) => {
                let answer: Caught<_> = AssertUnwindSafe(answer).catch_unwind().map(caught);
                Either::Left(answer)
            }
            Err(panicked) => Either::Right(ready(caught(Err(panicked)))),
        }
    }
}

fn caught(answered: Result<Answered, Panicked>) -> Answered {
    answered.unwrap_or_else(|_| Ok(Error::Internal(anyhow::anyhow!("a handler panicked")).into_response()))
}

/// Changes may wait for others to finish theirs, or for their turn to have a password hashed.
const CHANGES: Duration = Duration::from_secs(15);

/// A file comes at its caller's pace, and may hold thousands of passwords to hash.
const FILES: Duration = Duration::from_mins(10);

/// Answers 503 once a request has taken too long: a caller is never left hanging.
#[derive(Clone, Debug)]
pub struct InTime<S> {
    inner: S,
    deadline: Deadline,
    /// How long that is for questions.
    questions: Duration,
}

impl<S> InTime<S> {
    /// A layer for a route with this deadline.
    pub fn layer(deadline: Deadline, questions: Duration) -> impl Layer<S, Service = Self> + Clone {
        layer_fn(move |inner| Self { inner, deadline, questions })
    }
}

type Answered = Result<Response, Infallible>;
type Question<F> = Map<Timeout<F>, fn(Result<Answered, Elapsed>) -> Answered>;

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for InTime<S>
where
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Question<S::Future>, Pin<Box<dyn Future<Output = Answered> + Send>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let deadline = if request.method().is_safe() { Deadline::Question } else { self.deadline };
        let answer = self.inner.call(request);
        let limit = match deadline {
            Deadline::Question => {
                let answer: Question<_> = timeout(self.questions, answer).map(in_time);
                return Either::Left(answer);
            }
            Deadline::Change => CHANGES,
            Deadline::File => FILES,
        };
        // So long nobody waits for a Postgres that hangs, and keeps a connection from those who could use it.
        let answer = database::unless_hung(timeout(limit, answer));
        Either::Right(Box::pin(async { answer.await.map_or_else(|| Ok(hung()), in_time) }))
    }
}

fn in_time(answered: Result<Answered, Elapsed>) -> Answered {
    answered.unwrap_or_else(|_| Ok(Error::Unavailable("no answer in time".to_owned()).into_response()))
}

fn hung() -> Response {
    Error::Unavailable("Postgres hung meanwhile".to_owned()).into_response()
}
