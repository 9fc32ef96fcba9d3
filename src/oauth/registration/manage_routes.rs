use std::convert::Infallible;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use utoipa_axum::routes;

use super::information::Information;
use super::manage::{authenticate, delete, replace};
use super::metadata::Metadata;
use super::routes::{ClientMetadata, bearer, client_uri, must_be_on, untold};
use crate::base::opaque::oauth::RegistrationAccessHash;
use crate::gate::audit::Origin;
use crate::oauth::OAuth;
use crate::oauth::clients::{Client, Shown};
use crate::oauth::error::{Error, Result};
use crate::platform::http::{Path, Route, Routes};

/// `/oauth/register/{client_id}`.
pub fn routes() -> Routes<OAuth> {
    let own = routes!(read_registration, replace_registration, delete_registration);
    Routes::new().routes(Route::from(own).to_any_origin())
}

/// The client that a request is from, and the token that it came with.
async fn who(oauth: &OAuth, headers: &HeaderMap, client_id: &str) -> Result<(Client, String)> {
    let token = bearer(headers)?;
    let hash = RegistrationAccessHash::of(token).ok_or_else(Error::invalid_token)?;
    let client = authenticate(oauth, hash, client_id).await?;
    must_be_on(oauth)?;
    Ok((client, token.to_owned()))
}

/// Get one's own registration
///
/// With the registration access token (RFC 7592 section 2.1). Without the secret, of which only a digest is stored.
#[utoipa::path(get, path = "/oauth/register/{client_id}", tag = "tokens",
    params(("client_id" = String, Path, description = "the client", example = "c0b3f6a5f0f4e8f5b7c1d2e3f40516273")),
    responses(
        (status = 200, body = Information),
        (status = 401, description = "`invalid_token`"),
        (status = 403, description = "`access_denied`"),
    ),
    security(("registration" = [])))]
async fn read_registration(
    State(oauth): State<OAuth>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let (client, token) = who(&oauth, &headers, &client_id).await?;
    let uri = client_uri(&oauth, &client_id);
    Ok(untold(StatusCode::OK, Information::new(Shown::from(client), None, token, uri)))
}

/// Replace one's own registration
///
/// All of it (RFC 7592 section 2.2): what is left out is as if it had never been said. `client_id` must be there.
#[utoipa::path(put, path = "/oauth/register/{client_id}", tag = "tokens",
    params(("client_id" = String, Path, description = "the client", example = "c0b3f6a5f0f4e8f5b7c1d2e3f40516273")),
    request_body = ClientMetadata,
    responses(
        (status = 200, body = Information),
        (status = 400, description = "`invalid_client_metadata`, `invalid_redirect_uri`"),
        (status = 401, description = "`invalid_token`"),
        (status = 403, description = "`access_denied`"),
    ),
    security(("registration" = [])))]
async fn replace_registration(
    State(oauth): State<OAuth>,
    Ok(origin): std::result::Result<Origin, Infallible>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    said: Result<Metadata>,
) -> Result<Response> {
    let (client, token) = who(&oauth, &headers, &client_id).await?;
    let (shown, secret) = replace(&oauth, &origin, &client, &said?).await?;
    let uri = client_uri(&oauth, &client_id);
    Ok(untold(StatusCode::OK, Information::new(shown, secret, token, uri)))
}

/// Delete one's own registration
///
/// All tokens of the client end at once, and its `client_id` is never given again (RFC 7592 section 2.3).
#[utoipa::path(delete, path = "/oauth/register/{client_id}", tag = "tokens",
    params(("client_id" = String, Path, description = "the client", example = "c0b3f6a5f0f4e8f5b7c1d2e3f40516273")),
    responses(
        (status = 204),
        (status = 401, description = "`invalid_token`"),
        (status = 403, description = "`access_denied`"),
    ),
    security(("registration" = [])))]
async fn delete_registration(
    State(oauth): State<OAuth>,
    Ok(origin): std::result::Result<Origin, Infallible>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let (client, _) = who(&oauth, &headers, &client_id).await?;
    delete(&oauth, &origin, &client).await?;
    Ok(StatusCode::NO_CONTENT)
}
