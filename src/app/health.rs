//! The server about itself: home page, health, and its own reference.

use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::database;
use crate::app::App;
use crate::base::error::{Error, Result};
use crate::platform::http::{Json, Route, Routes};

/// `/`, `/healthz`, `/readyz`.
pub fn routes() -> Routes<App> {
    Routes::new()
        .routes(Route::from(routes!(home)).without_postgres())
        .routes(Route::from(routes!(healthz)).without_postgres().unlimited())
        .routes(Route::from(routes!(readyz)).unlimited())
}

const HOME: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Portero</title></head>\n\
    <body>\n<h1>Welcome to the Auth API</h1>\n<p>This is Portero. Its routes: <a href=\"/docs\">/docs</a>, \
    <a href=\"/openapi.json\">/openapi.json</a>.</p>\n</body>\n</html>\n";

/// Show the home page
#[utoipa::path(get, path = "/", tag = "server", security(()),
    responses((status = 200, description = "an HTML page", body = String, content_type = "text/html")))]
async fn home() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'")], Html(HOME))
}

/// The server is fine.
#[derive(Debug, Serialize, ToSchema)]
struct Status {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Check that the server is alive
#[utoipa::path(get, path = "/healthz", tag = "server", security(()), responses((status = 200, body = Status)))]
async fn healthz() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Check that the server can answer
///
/// Postgres is reachable, migrated, and the primary: neither a standby nor read-only.
#[utoipa::path(get, path = "/readyz", tag = "server", security(()), responses((status = 200, body = Status)))]
async fn readyz(State(app): State<App>) -> Result<Json<Status>> {
    if database::is_migrated(&mut *app.db.must_be_fit().await?).await? {
        Ok(Json(Status { status: "ok" }))
    } else {
        Err(Error::Unavailable("the database is not migrated to this version: run `portero migrate`".to_owned()))
    }
}
