use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::allowed::Allowed;
use super::answer::IssuedTokens;
use super::{client_credentials, code, device, exchange, password, refresh};
use crate::gate::audit::Origin;
use crate::oauth::OAuth;
use crate::oauth::clients::{GrantType, authenticate, take_share};
use crate::oauth::dpop;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::platform::http::{Route, Routes};

const PATH: &str = "/oauth/token";

/// `/oauth/token`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(Route::from(routes!(token)).to_any_origin().short())
}

/// What a client asks tokens for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `Form` reads")]
struct TokenRequest {
    /// `authorization_code`, `client_credentials`, `refresh_token`, `urn:ietf:params:oauth:grant-type:device_code`,
    /// `urn:ietf:params:oauth:grant-type:token-exchange` or `password`.
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// For `authorization_code`: the code, once, within 60 seconds.
    code: Option<String>,
    /// For `authorization_code`: the redirect URI that the code was sent to.
    redirect_uri: Option<String>,
    /// For `authorization_code`: the verifier of its challenge (RFC 7636).
    code_verifier: Option<String>,
    /// For `refresh_token`: the latest one that this client received.
    refresh_token: Option<String>,
    /// For `…:device_code`: what the device polls with (RFC 8628).
    device_code: Option<String>,
    /// For `…:token-exchange`: the token to exchange, of a session or an access token (RFC 8693).
    subject_token: Option<String>,
    /// `urn:ietf:params:oauth:token-type:access_token`.
    subject_token_type: Option<String>,
    /// For `…:token-exchange`: a token of whoever acts for the subject, if that is not the client.
    actor_token: Option<String>,
    /// `urn:ietf:params:oauth:token-type:access_token`.
    actor_token_type: Option<String>,
    /// `urn:ietf:params:oauth:token-type:access_token`.
    requested_token_type: Option<String>,
    /// For `…:token-exchange`: the name of the service that the new token is for.
    audience: Option<String>,
    /// For `password`.
    username: Option<String>,
    /// For `password`.
    #[schema(format = Password)]
    password: Option<String>,
    /// Less than was granted, or what a client asks for itself.
    scope: Option<String>,
    /// The services that the token is to be for (RFC 8707), as `urn:portero:service:<name>`; may be repeated.
    resource: Option<Vec<String>>,
    /// The client, unless `Authorization` names it.
    client_id: Option<String>,
    /// Its secret (`client_secret_post`).
    client_secret: Option<String>,
    /// A JWT that it has signed (`private_key_jwt`).
    client_assertion: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
}

/// Get tokens
///
/// Exchanges a code, a refresh token, a device's code, another token or a client's own credentials for an access token (RFC 6749,
/// RFC 8628, RFC 8693). A code is good once: if it comes again, all that it gave ends. A refresh token is exchanged for a new
/// one; for a few seconds (`REFRESH_GRACE_SECONDS`) it gives each of several tabs its own, after that a reuse ends all tokens of
/// that login. With a DPoP proof the tokens are bound to its key (RFC 9449).
#[utoipa::path(post, path = PATH, tag = "tokens",
    params(("DPoP" = Option<String>, Header, description = "a proof by the key that the tokens are to be bound to")),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = IssuedTokens),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `invalid_scope`, `invalid_target`, \
            `unauthorized_client`, `unsupported_grant_type`, `invalid_dpop_proof`, `use_dpop_nonce`, and of a device `authorization_pending`, `slow_down`, \
            `access_denied`, `expired_token`"),
        (status = 401, description = "`invalid_client`"),
        (status = 429, description = "`temporarily_unavailable`"),
    ),
    security(("client" = []), ()))]
async fn token(
    State(oauth): State<OAuth>,
    Ok(origin): std::result::Result<Origin, Infallible>,
    headers: HeaderMap,
    form: Result<Form>,
) -> Response {
    issue(&oauth, PATH, (&origin, &headers), form, GrantType::ALL).await
}

/// What every door to tokens has in common, whatever the grant: the client proves who it is and may use the grant, which is one
/// of those `offered` there; what proofs of a key are for is the address of this `path`.
pub async fn issue(
    oauth: &OAuth,
    path: &str,
    (origin, headers): (&Origin, &HeaderMap),
    form: Result<Form>,
    offered: &[GrantType],
) -> Response {
    let proves = headers.contains_key(dpop::HEADER);
    let answer = issued(oauth, path, (origin, headers), form, offered).await.into_response();
    // The next proof is sent with it.
    if proves { dpop::with_nonce(oauth, answer).await } else { answer }
}

async fn issued(
    oauth: &OAuth,
    path: &str,
    (origin, headers): (&Origin, &HeaderMap),
    form: Result<Form>,
    offered: &[GrantType],
) -> Result<IssuedTokens> {
    let form = form?;
    let known = authenticate(oauth, origin, headers, &form).await?;
    let grant: GrantType = form.require("grant_type")?.parse().map_err(|_| Error::unsupported_grant_type())?;
    let client = &known.client;
    if !offered.contains(&grant) {
        return Err(Error::unsupported_grant_type());
    }
    if !client.may(grant) {
        return Err(Error::unauthorized_client("this client was not registered for this grant_type"));
    }
    if headers.contains_key(dpop::HEADER) {
        take_share(oauth, client, origin)?;
    }
    let key = dpop::of_client(oauth, headers, path).await?;
    let (key, form) = (key.as_ref(), &form);
    let wanted = (form, key);
    let allowed = Allowed::new(known, grant, key)?;
    match grant {
        GrantType::AuthorizationCode => {
            allowed.issue(oauth, |known| async move { code::redeem(oauth, origin, &known.client, wanted).await }).await
        }
        GrantType::RefreshToken => {
            allowed
                .issue(oauth, |known| async move { refresh::refresh(oauth, origin, &known.client, wanted).await })
                .await
        }
        GrantType::ClientCredentials => {
            allowed.issue(oauth, |known| async move { client_credentials::grant(oauth, &known, wanted).await }).await
        }
        GrantType::TokenExchange => {
            allowed.issue(oauth, |known| async move { exchange::exchange(oauth, origin, &known, wanted).await }).await
        }
        GrantType::DeviceCode => device::redeem(oauth, allowed, wanted).await,
        GrantType::Password => password::grant(oauth, origin, allowed, wanted).await,
    }
}
