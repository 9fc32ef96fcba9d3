//! Whoever changes through the API what a file manages hears that the next `portero apply` undoes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Request;
use axum::http::header::WARNING;
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use sqlx::PgConnection;

use super::store;
use crate::base::error::Result;

/// 299: a warning that stays (RFC 7234 section 5.5.7).
const UNDONE: HeaderValue =
    HeaderValue::from_static("299 portero \"this is managed by a file; the next apply of it undoes the change\"");

tokio::task_local! {
    /// Whether the request that is under way has changed something of it.
    static CHANGED: Arc<AtomicBool>;
}

/// Notes whether a transaction that is about to be kept has changed something of it, where somebody waits for that.
pub async fn note(conn: &mut PgConnection) -> Result<()> {
    let Ok(changed) = CHANGED.try_with(Arc::clone) else { return Ok(()) };
    if store::managed::is_changed(conn).await? {
        changed.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Answers with a warning where that is so.
pub async fn warn(request: Request, next: Next) -> Response {
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return next.run(request).await;
    }
    let changed = Arc::<AtomicBool>::default();
    let mut response = CHANGED.scope(Arc::clone(&changed), next.run(request)).await;
    if changed.load(Ordering::Relaxed) && response.status().is_success() {
        response.headers_mut().insert(WARNING, UNDONE);
    }
    response
}
