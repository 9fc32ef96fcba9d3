use std::convert::Infallible;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::rotate::invalid;
use super::{LoggedIn, rotate};
use crate::base::error::Result;
use crate::base::opaque::refresh_token::PresentedRefresh;
use crate::gate::audit::Origin;
use crate::identity::Identity;
use crate::platform::http::{Json, MAX_OF_STRANGERS, Route, Routes};

/// `/auth/refresh`.
pub fn refresh_routes() -> Routes<Identity> {
    Routes::new().routes(Route::from(routes!(refresh)).short())
}

/// A refresh token to exchange.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    /// The latest one that this client received.
    #[schema(
        value_type = String,
        example = "prt_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273d0c03d74"
    )]
    refresh_token: PresentedRefresh,
}

/// Refresh a session
///
/// Exchanges a refresh token for a new pair and revokes the previous access token. For a few seconds
/// (`REFRESH_GRACE_SECONDS`) the same token gives each of several tabs its own pair, until one of these is refreshed.
/// If the answer was lost, the token works again as long as nobody has used the lost pair. Any other reuse ends the
/// session, because the token may have been stolen.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Refresh, security(()), responses(
    (status = 200, body = LoggedIn),
    (status = 401, description = "`invalid_refresh_token`"),
    (status = 429, description = "`too_many_refreshes`"),
))]
async fn refresh(
    State(identity): State<Identity>,
    Ok(origin): Result<Origin, Infallible>,
    Json(Refresh { refresh_token: PresentedRefresh(presented) }): Json<Refresh, MAX_OF_STRANGERS>,
) -> Result<Json<LoggedIn>> {
    rotate(&identity, &origin, presented.ok_or_else(invalid)?).await.map(Json)
}
