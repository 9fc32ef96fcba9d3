use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Application, revoke, store};
use crate::base::error::Result;
use crate::gate::Caller;
use crate::oauth::OAuth;
use crate::platform::http::{Json, Page, PageQuery, Path, Route, Routes};

/// `/auth/me/applications`.
pub fn routes() -> Routes<OAuth> {
    Routes::new()
        .routes(Route::from(routes!(list_applications)).for_anyone())
        .routes(Route::from(routes!(revoke_application)).for_anyone())
}

/// List the applications that may act for you
///
/// Those that you have let in, and those that need not ask.
#[utoipa::path(get, path = "/auth/me/applications", tag = "auth", params(PageQuery),
    responses((status = 200, body = Vec<Application>)))]
async fn list_applications(State(oauth): State<OAuth>, caller: Caller, page: Page) -> Result<Response> {
    let now = oauth.clock.now();
    let applications = store::list(&mut *oauth.db.read().await?, caller.person, &page, now).await?;
    Ok(page.respond(applications, |application| application.id.0))
}

/// The application may act for the person no more.
#[derive(Debug, Serialize, ToSchema)]
struct ApplicationRevoked {
    #[schema(example = "application_revoked")]
    status: &'static str,
    #[schema(example = "web-shop")]
    client_id: String,
}

/// Take back what an application may do for you
///
/// Its tokens are refused in the very next check. It asks again before it gets others, unless it is one that need not ask.
#[utoipa::path(delete, path = "/auth/me/applications/{client_id}", tag = "auth",
    params(("client_id" = String, Path, description = "the application's `client_id`", example = "web-shop")),
    responses(
        (status = 200, body = ApplicationRevoked),
        (status = 404, description = "`application_not_found`"),
    ))]
async fn revoke_application(
    State(oauth): State<OAuth>,
    caller: Caller,
    Path(client_id): Path<String>,
) -> Result<Json<ApplicationRevoked>> {
    revoke(&oauth, &caller, &client_id).await?;
    Ok(Json(ApplicationRevoked { status: "application_revoked", client_id }))
}
