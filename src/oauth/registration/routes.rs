use std::convert::Infallible;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::information::Information;
use super::metadata::Metadata;
use super::register::register;
use crate::base::opaque::oauth::InitialAccessHash;
use crate::gate::audit::Origin;
use crate::oauth::OAuth;
use crate::oauth::error::{Error, Result};
use crate::platform::http::{Json, Route, Routes, credential};

/// `/oauth/register`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(Route::from(routes!(register_client)).to_any_origin())
}

/// What a program says of itself (RFC 7591 section 2). What is not here is ignored.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "documents what `described::read` reads")]
#[schema(example = json!({
    "client_name": "Wiki", "redirect_uris": ["https://wiki.example.com/callback"], "token_endpoint_auth_method": "none"
}))]
pub(super) struct ClientMetadata {
    /// What people see: by default the host that they go on to.
    client_name: Option<String>,
    /// Where people are sent back to.
    #[schema(max_items = 50)]
    redirect_uris: Option<Vec<String>>,
    /// `client_secret_basic` by default.
    token_endpoint_auth_method: Option<String>,
    /// `authorization_code` and `refresh_token` by default.
    grant_types: Option<Vec<String>>,
    /// `code`.
    response_types: Option<Vec<String>>,
    /// What it may ask for: permissions in the service that the initial access token is for, besides `openid` and the like.
    scope: Option<String>,
    /// Where people may be sent after they have logged out.
    post_logout_redirect_uris: Option<Vec<String>>,
    /// Where it is told of sessions that have ended.
    backchannel_logout_uri: Option<String>,
    /// `RS256` by default.
    id_token_signed_response_alg: Option<String>,
    /// Whether its tokens are bound to a key of its own (RFC 9449). Once true, only an administrator changes it back.
    dpop_bound_access_tokens: Option<bool>,
    /// Whether it pushes its requests (RFC 9126). Once true, only an administrator changes it back.
    require_pushed_authorization_requests: Option<bool>,
    /// Its keys, for `private_key_jwt`.
    #[schema(value_type = Option<Object>)]
    jwks: Option<serde_json::Value>,
    /// Where these are instead.
    jwks_uri: Option<String>,
}

/// Register a client by itself
///
/// With an initial access token of a service (`POST /services/{service}/registration-tokens`), as `Authorization: Bearer`: the
/// client is one of that service. People are asked each time before it acts for them. Refused where `CLIENT_REGISTRATION` is
/// off.
#[utoipa::path(post, path = "/oauth/register", tag = "tokens",
    request_body = ClientMetadata,
    responses(
        (status = 201, body = Information),
        (status = 400, description = "`invalid_client_metadata`, `invalid_redirect_uri`"),
        (status = 401, description = "`invalid_token`"),
        (status = 403, description = "`access_denied`"),
    ),
    security(("registration" = [])))]
async fn register_client(
    State(oauth): State<OAuth>,
    Ok(origin): std::result::Result<Origin, Infallible>,
    headers: HeaderMap,
    said: Result<Metadata>,
) -> Result<Response> {
    let token = InitialAccessHash::of(initial(&headers)?).ok_or_else(Error::invalid_token)?;
    let (made, access) = register(&oauth, &origin, token, &said?).await?;
    let uri = client_uri(&oauth, &made.shown.client_id);
    let secret = made.secret.map(|(secret, _)| secret);
    let information = Information::new(made.shown, secret, access.reveal().to_owned(), uri);
    Ok(untold(StatusCode::CREATED, information))
}

/// Refuses where no client registers itself. Told only to who has a token that is good.
pub(super) fn must_be_on(oauth: &OAuth) -> Result<()> {
    if oauth.rules.client_registration {
        return Ok(());
    }
    let description = "no client registers itself here: an administrator may, or sets CLIENT_REGISTRATION=true";
    Err(Error::new(StatusCode::FORBIDDEN, "access_denied", description))
}

/// The initial access token that a request came with.
fn initial(headers: &HeaderMap) -> Result<&str> {
    let description = "send an initial access token in Authorization: Bearer; an administrator makes one (portero service \
                       registration-token add)";
    bearer(headers).map_err(|error| error.described(description))
}

/// What a request came with.
pub(super) fn bearer(headers: &HeaderMap) -> Result<&str> {
    credential::text(headers).map_err(|_| Error::invalid_token())
}

/// Where a client looks after its registration.
pub(super) fn client_uri(oauth: &OAuth, client_id: &str) -> String {
    oauth.issuer.at(&format!("/oauth/register/{client_id}"))
}

/// An answer with secrets in it.
pub(super) fn untold(status: StatusCode, information: Information) -> Response {
    (status, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(information)).into_response()
}
