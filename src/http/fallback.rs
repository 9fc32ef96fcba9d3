//! Answers for what no route takes: unknown paths, unknown methods, a panic, a request that takes too long.

use std::any::Any;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::Error;

/// 404 in the shape of every other error.
pub async fn unknown_path() -> Error {
    Error::not_found("route_not_found", "no such path; GET /docs lists them all")
}

/// 405 in the shape of every other error; axum adds `Allow`.
pub async fn unknown_method() -> Error {
    Error::method_not_allowed()
}

/// 500 for a panic; the panic hook has logged it.
pub fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Error::Internal(anyhow::anyhow!("a handler panicked")).into_response()
}

/// Changes may wait for others to finish theirs, or for their turn to have a password hashed.
const CHANGES: Duration = Duration::from_secs(15);

/// What is asked by POST.
const QUESTIONS: [&str; 1] = ["/check-token"];

/// 503 once it has taken too long: a caller is never left hanging. A question has its deadline.
pub async fn in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let asks = request.method().is_safe() || QUESTIONS.contains(&request.uri().path());
    let limit = if asks { app.config.checks.deadline } else { CHANGES };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Error::Unavailable(format!("no answer within {limit:?}")).into_response(),
    }
}
