//! What may take long is answered beside the cores: there it would keep the checks of all connections of its core waiting.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use tokio_util::task::AbortOnDropHandle;
use tower::layer::layer_fn;
use tower::{Layer, Service};
use tracing::Instrument;

use crate::base::error::Error;
use crate::base::request_id;
use crate::platform::cores;
use crate::platform::http::{Computing, Deadline, Facts};

type Answered = Result<Response, Infallible>;

/// Answers questions where they come, unless they are long ones, and makes changes beside, unless they are short ones.
#[derive(Clone, Debug)]
pub struct Beside<S> {
    inner: S,
    facts: Facts,
}

impl<S> Beside<S> {
    /// A layer for a route with these facts.
    pub fn layer(facts: Facts) -> impl Layer<S, Service = Self> + Clone {
        layer_fn(move |inner| Self { inner, facts })
    }
}

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for Beside<S>
where
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = Answered> + Send>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let stays = match self.facts.computing {
            Computing::Usual => self.facts.deadline == Deadline::Question || request.method().is_safe(),
            Computing::Little => true,
            Computing::Long => false,
        };
        let answer = self.inner.call(request);
        if stays || cores::current().is_none() {
            return Either::Left(answer);
        }
        Either::Right(Box::pin(answered_beside(answer)))
    }
}

/// Under the id and in the span of whoever waits for it, and no longer than that.
async fn answered_beside(answer: impl Future<Output = Answered> + Send + 'static) -> Answered {
    let id = request_id::current();
    let work = async {
        match id {
            Some(id) => request_id::scope(id, answer).await,
            None => answer.await,
        }
    };
    match AbortOnDropHandle::new(cores::spawn_beside(work.in_current_span())).await {
        Ok(answered) => answered,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Ok(Error::Unavailable("Portero stops".to_owned()).into_response()),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::thread;

    use axum::body::Body;
    use axum::http::Method;
    use futures_util::FutureExt;
    use tokio::sync::oneshot;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::platform::cores::Cores;

    /// What comes of a request on a core: the thread that answered it, under which id.
    async fn answered(method: Method, facts: Facts) -> String {
        let cores = Cores::start(1).expect("cores");
        let (tell, told) = oneshot::channel();
        cores.spawn_on(0, async move {
            let route = service_fn(|_: Request| async {
                tokio::task::yield_now().await;
                let (thread, id) = (thread::current(), request_id::current());
                let core = thread.name().filter(|name| name.starts_with("core-")).unwrap_or("beside");
                Ok::<_, Infallible>(Response::new(Body::from(format!("{core} {}", id.unwrap_or_default()))))
            });
            let request = Request::builder().method(method).body(Body::empty()).expect("a request");
            let answer = request_id::scope("7".into(), Beside::layer(facts).layer(route).oneshot(request)).await;
            let Ok(answer) = answer;
            let body = axum::body::to_bytes(answer.into_body(), 100).await.expect("a body");
            let _ = tell.send(String::from_utf8_lossy(&body).into_owned());
        });
        told.await.expect("an answer")
    }

    #[tokio::test]
    async fn questions_are_answered_where_they_come_and_all_else_beside() {
        let question = Facts { deadline: Deadline::Question, ..Facts::default() };
        let long = Facts { computing: Computing::Long, ..question };
        let short = Facts { computing: Computing::Little, ..Facts::default() };
        for (method, facts, expected) in [
            (Method::POST, question, "core-0 7"),
            (Method::GET, Facts::default(), "core-0 7"),
            (Method::POST, Facts::default(), "beside 7"),
            (Method::POST, short, "core-0 7"),
            (Method::POST, long, "beside 7"),
            (Method::GET, long, "beside 7"),
        ] {
            assert_eq!(answered(method.clone(), facts).await, expected, "{method} {facts:?}");
        }
    }

    #[tokio::test]
    async fn a_panic_beside_is_one_of_whoever_waits() {
        let cores = Cores::start(1).expect("cores");
        let (tell, told) = oneshot::channel();
        cores.spawn_on(0, async move {
            let panics = answered_beside(async { panic!("as it was asked to") });
            let _ = tell.send(AssertUnwindSafe(panics).catch_unwind().await.is_err());
        });
        assert!(told.await.expect("an answer"));
    }

    #[tokio::test]
    async fn whoever_goes_away_ends_what_they_asked_for() {
        let cores = Cores::start(1).expect("cores");
        let ((tell, told), (begun, has_begun)) = (oneshot::channel::<()>(), oneshot::channel());
        cores.spawn_on(0, async move {
            let never = answered_beside(async move {
                let _tell = tell;
                let _ = begun.send(());
                std::future::pending().await
            });
            tokio::select! {
                _ = never => {}
                _ = has_begun => {}
            }
        });
        assert!(told.await.is_err(), "it is given up with the one who told");
    }
}
