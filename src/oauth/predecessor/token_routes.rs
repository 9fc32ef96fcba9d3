use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::gate::audit::Origin;
use crate::oauth::OAuth;
use crate::oauth::clients::GrantType;
use crate::oauth::error::Result;
use crate::oauth::form::Form;
use crate::oauth::token::{IssuedTokens, issue};
use crate::platform::http::Routes;

/// What it knew.
const GRANTS: [GrantType; 3] = [GrantType::Password, GrantType::ClientCredentials, GrantType::RefreshToken];

const PATH: &str = "/api/v1/token";

/// `/api/v1/token`.
pub(super) fn routes() -> Routes<OAuth> {
    Routes::new().routes(routes!(token_by_v1))
}

/// What a client asks tokens for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `Form` reads")]
struct TokenRequestV1 {
    /// `password`, `client_credentials` or `refresh_token`.
    #[schema(example = "password")]
    grant_type: String,
    /// For `password`.
    #[schema(example = "admin")]
    username: Option<String>,
    /// For `password`.
    #[schema(format = Password)]
    password: Option<String>,
    /// For `refresh_token`.
    refresh_token: Option<String>,
    /// `superuser` for what administrators may do, through `loopback`.
    #[schema(example = "superuser")]
    scope: Option<String>,
    /// The client, unless `Authorization` names it.
    #[schema(example = "loopback")]
    client_id: Option<String>,
    /// Its secret, if it has one.
    client_secret: Option<String>,
}

/// Get tokens, as of old
///
/// As `POST /oauth/token`, for the grants that the predecessor had. The client `loopback` is good on this machine only.
#[utoipa::path(post, path = PATH, tag = "tokens",
    request_body(content = TokenRequestV1, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = IssuedTokens),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `invalid_scope`, `unauthorized_client`, \
            `unsupported_grant_type`"),
        (status = 401, description = "`invalid_client`"),
        (status = 429, description = "`temporarily_unavailable`"),
    ),
    security(("client" = []), ()))]
async fn token_by_v1(
    State(oauth): State<OAuth>,
    Ok(origin): std::result::Result<Origin, Infallible>,
    headers: HeaderMap,
    form: Result<Form>,
) -> Response {
    issue(&oauth, PATH, (&origin, &headers), form, &GRANTS).await
}
