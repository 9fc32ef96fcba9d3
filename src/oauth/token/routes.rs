use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::answer::IssuedTokens;
use super::{client_credentials, code, refresh};
use crate::gate::audit::Origin;
use crate::oauth::OAuth;
use crate::oauth::clients::{GrantType, authenticate};
use crate::oauth::dpop;
use crate::oauth::error::{Error, Result};
use crate::oauth::form::Form;
use crate::platform::http::{Route, Routes};

const PATH: &str = "/oauth/token";

/// `/oauth/token`.
pub fn routes() -> Routes<OAuth> {
    Routes::new().routes(Route::from(routes!(token)).to_any_origin())
}

/// What a client asks tokens for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what `Form` reads")]
struct TokenRequest {
    /// `authorization_code`, `client_credentials` or `refresh_token`.
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
/// Exchanges a code, a refresh token or a client's own credentials for an access token (RFC 6749). A code is good once: if it
/// comes again, all that it gave ends. A refresh token is exchanged for a new one; for a few seconds (`REFRESH_GRACE_SECONDS`)
/// it gives each of several tabs its own, after that a reuse ends all tokens of that login. With a DPoP proof the tokens are
/// bound to its key (RFC 9449).
#[utoipa::path(post, path = PATH, tag = "tokens",
    params(("DPoP" = Option<String>, Header, description = "a proof by the key that the tokens are to be bound to")),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = IssuedTokens),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `invalid_scope`, `invalid_target`, \
            `unauthorized_client`, `unsupported_grant_type`, `invalid_dpop_proof`, `use_dpop_nonce`"),
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
    let proves = headers.contains_key("dpop");
    let answer = issued(&oauth, &origin, &headers, form).await.into_response();
    // The next proof is sent with it.
    if proves { dpop::with_nonce(&oauth, answer).await } else { answer }
}

async fn issued(oauth: &OAuth, origin: &Origin, headers: &HeaderMap, form: Result<Form>) -> Result<IssuedTokens> {
    let form = form?;
    let known = authenticate(oauth, origin, headers, &form).await?;
    let grant: GrantType = form.require("grant_type")?.parse().map_err(|_| Error::unsupported_grant_type())?;
    let client = &known.client;
    let (code, refresh, itself) = (GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials);
    if ![code, refresh, itself].contains(&grant) {
        return Err(Error::unsupported_grant_type());
    }
    if !client.may(grant) {
        return Err(Error::unauthorized_client("this client was not registered for this grant_type"));
    }
    let key = dpop::of_client(oauth, headers, PATH).await?;
    if client.requires_dpop && key.is_none() {
        return Err(Error::invalid_request(
            "the tokens of this client are bound to a key: send a proof in the header DPoP (RFC 9449)",
        ));
    }
    let key = key.as_ref();
    if grant == code {
        code::redeem(oauth, origin, client, (&form, key)).await
    } else if grant == refresh {
        refresh::refresh(oauth, origin, client, (&form, key)).await
    } else {
        client_credentials::grant(oauth, &known, &form, key).await
    }
}
