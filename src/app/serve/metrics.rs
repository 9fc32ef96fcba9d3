//! The page that Prometheus reads.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::platform::Platform;

/// The format that every Prometheus reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`, for an address of its own, and nothing else.
pub fn page(platform: Platform) -> Router {
    Router::new().route("/metrics", get(show)).with_state(platform)
}

async fn show(State(platform): State<Platform>) -> impl IntoResponse {
    platform.metrics.look_at(platform.db.pool());
    ([(CONTENT_TYPE, TEXT)], platform.metrics.text())
}
