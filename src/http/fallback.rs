//! Answers for what no route takes: unknown paths, unknown methods, a panic, a request that takes too long.

use std::any::Any;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

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

/// No question takes longer to answer, so that nobody hangs while Postgres does: 503 within two seconds.
pub const QUESTIONS: Duration = Duration::from_millis(1800);

/// 503 once `limit` has passed, or sooner for what only reads: a caller is never left hanging.
pub async fn within(limit: Duration, request: Request, next: Next) -> Response {
    let limit = if request.method().is_safe() { QUESTIONS } else { limit };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Error::Unavailable(format!("no answer within {limit:?}")).into_response(),
    }
}
