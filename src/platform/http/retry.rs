//! A question that met a broken connection is asked once more, on another one: after a failover, a restart or a migration
//! its caller notices nothing.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use futures_util::future::Either;
use tower::layer::layer_fn;
use tower::{Layer, Service, ServiceExt};

use crate::base::error::Unanswered;
use crate::platform::database;

type Answered = Result<Response, Infallible>;

/// Asks again what only reads and has no body.
#[derive(Clone, Debug)]
pub struct RetryReads<S>(S);

impl<S> RetryReads<S> {
    /// A layer of it.
    pub fn layer() -> impl Layer<S, Service = Self> + Clone {
        layer_fn(Self)
    }
}

impl<S> Service<Request> for RetryReads<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = Answered> + Send>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if !request.method().is_safe() || !request.body().is_end_stream() {
            return Either::Left(self.0.call(request));
        }
        let another = self.0.clone();
        let (head, body) = request.into_parts();
        let again = Request::from_parts(head.clone(), Body::empty());
        let (begun, answer) = (Instant::now(), self.0.call(Request::from_parts(head, body)));
        Either::Right(Box::pin(async move {
            let answered = answer.await?;
            if answered.extensions().get::<Unanswered>().is_some() && database::is_outdated(begun) {
                return another.oneshot(again).await;
            }
            Ok(answered)
        }))
    }
}
