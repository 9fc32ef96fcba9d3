//! The server about itself: health, and its own reference.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::database;
use crate::app::App;
use crate::base::error::{Error, Result};
use crate::platform::http::{Json, Route, Routes};

/// `/healthz`, `/readyz`.
pub fn routes() -> Routes<App> {
    Routes::new()
        .routes(Route::from(routes!(healthz)).without_postgres().unlimited())
        .routes(Route::from(routes!(readyz)).unlimited())
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
