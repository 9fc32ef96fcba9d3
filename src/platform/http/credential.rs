//! Where a request carries its token or its service key: the `token` header, or `Authorization: Bearer` (RFC 6750). Never the URL.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderValue};
use axum::http::request::Parts;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::base::error::Error;
use crate::base::opaque::api_key::ApiKeyHash;
use crate::base::opaque::oauth::AccessTokenHash;
use crate::base::opaque::service_key::KeyHash;
use crate::base::opaque::token::TokenHash;

/// What a caller may come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A person's token.
    Token(TokenHash),
    /// A backend's key.
    Key(KeyHash),
    /// A person's API key.
    ApiKey(ApiKeyHash),
    /// An OAuth client's access token.
    Access(AccessTokenHash),
}

impl Credential {
    fn of(text: &str) -> Option<Self> {
        TokenHash::of(text)
            .map(Self::Token)
            .or_else(|| KeyHash::of(text).map(Self::Key))
            .or_else(|| ApiKeyHash::of(text).map(Self::ApiKey))
            .or_else(|| AccessTokenHash::of_any(text).map(Self::Access))
    }

    /// The first 8 hex digits of its hash: all that a log ever shows of it.
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Token(token) => token.fingerprint(),
            Self::Key(key) => key.fingerprint(),
            Self::ApiKey(key) => key.fingerprint(),
            Self::Access(token) => token.fingerprint(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Credential {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        match parts.extensions.get() {
            Some(credential) => Ok(*credential),
            None => presented(&parts.headers),
        }
    }
}

/// The token or key presented in `headers`.
///
/// # Errors
/// 401 `missing_token_header` when absent or blank; 401 `invalid_token` when it can't be one of ours, when a header is
/// doubled, or when the two headers differ.
pub fn presented(headers: &HeaderMap) -> Result<Credential, Error> {
    if let Some(token) = with_proof(headers)? {
        return Ok(Credential::Access(token));
    }
    let text = text(headers)?;
    Credential::of(text).ok_or_else(|| unreadable(text))
}

/// The access token of `Authorization: DPoP` (RFC 9449 section 7.1), where no other header has one.
fn with_proof(headers: &HeaderMap) -> Result<Option<AccessTokenHash>, Error> {
    let Some(token) = single(headers.get_all(AUTHORIZATION).iter())?.and_then(|value| of_scheme("dpop", value)) else {
        return Ok(None);
    };
    match single(headers.get_all("token").iter())? {
        Some(own) if own != token => Err(invalid()),
        _ => AccessTokenHash::of_any(token).map(Some).ok_or_else(invalid),
    }
}

/// Its text.
///
/// # Errors
/// As [`presented`], but that it may be anybody's.
pub fn text(headers: &HeaderMap) -> Result<&str, Error> {
    let own = single(headers.get_all("token").iter())?;
    let bearer = single(headers.get_all(AUTHORIZATION).iter())?.and_then(|value| of_scheme("bearer", value));
    match (own, bearer) {
        (Some(own), Some(bearer)) if own != bearer => Err(invalid()),
        (Some(text), _) | (None, Some(text)) => Ok(text),
        (None, None) => Err(missing()),
    }
}

/// The text of what [`presented`] found, under whatever scheme.
pub fn shown(headers: &HeaderMap) -> Option<&str> {
    let with_proof = headers.get(AUTHORIZATION).and_then(|value| of_scheme("dpop", value.to_str().ok()?));
    with_proof.or_else(|| text(headers).ok())
}

/// 401 `missing_token_header`.
pub fn missing() -> Error {
    Error::unauthorized(
        "missing_token_header",
        "log in at POST /auth/login and send the header `token: <value>`; a backend sends a key of its service",
    )
}

/// 401 `invalid_token`, for what is no token or key, by what it begins like.
fn unreadable(text: &str) -> Error {
    if ApiKeyHash::is_meant_by(text) {
        invalid_api_key()
    } else if KeyHash::is_meant_by(text) {
        invalid_key()
    } else {
        invalid()
    }
}

/// 401 `invalid_token`.
pub fn invalid() -> Error {
    Error::unauthorized("invalid_token", "this token is unknown or was revoked; log in again")
}

/// 401 `invalid_token`, for a JWT that says it is of somebody else.
pub fn invalid_foreign() -> Error {
    Error::unauthorized(
        "invalid_token",
        "a JWT of another issuer counts only with a `service_id` whose service trusts that issuer; where it does, Portero's \
         log says what is wrong with this one",
    )
}

/// 401 `invalid_token`, for a key.
pub fn invalid_key() -> Error {
    Error::unauthorized(
        "invalid_token",
        "this service key is mistyped, unknown, expired or revoked; ask who runs the service for another",
    )
}

/// 401 `invalid_token`, for an API key.
pub fn invalid_api_key() -> Error {
    Error::unauthorized(
        "invalid_token",
        "this API key is mistyped, unknown or revoked, or ended long ago, or its owner is disabled; its owner makes another at POST /auth/me/keys",
    )
}

/// 401 `expired_token`, for an API key that ended then.
pub fn expired_api_key(at: OffsetDateTime) -> Error {
    let at = at.format(&Rfc3339).unwrap_or_default();
    let detail = format!(
        "this API key expired at {at}: make another, at POST /auth/me/keys, or POST /robots/{{id}}/keys for a robot, and give it to \
         the program"
    );
    Error::unauthorized("expired_token", detail).with("expired_at", at)
}

/// 401 `invalid_token`, for an API key that is used from elsewhere.
pub fn api_key_of_other_networks() -> Error {
    Error::unauthorized(
        "invalid_token",
        "this API key may not be used from this address. A backend that checks it for somebody else says from where it was \
         used: `address` in POST /check-token, `addresses` in POST /check-tokens",
    )
}

/// 403 `api_key_not_allowed`: what only whoever is logged in may do.
pub fn api_key_not_allowed() -> Error {
    Error::forbidden(
        "api_key_not_allowed",
        "an API key can't do this: log in at POST /auth/login and send the token of that session. Keys, passwords, addresses, \
         factors and sessions are for their owner alone",
    )
}

/// 401 `invalid_token`, for an access token where a session or a key is wanted.
pub fn access_token_not_taken() -> Error {
    Error::unauthorized(
        "invalid_token",
        "an OAuth access token is not taken here: send the token of a session (`ptk_…`, from POST /auth/login). An access \
         token is for POST /check-token, POST /oauth/introspect and GET /oauth/userinfo",
    )
}

/// 401 `invalid_token`, for an access token at a service that it is not for.
pub fn of_another_audience() -> Error {
    Error::unauthorized(
        "invalid_token",
        "this access token is not for this service; its client must ask for one that is",
    )
}

/// 401 `invalid_token`, for an access token that is bound to a key where nobody looks at the proof.
pub fn bound_to_a_key() -> Error {
    Error::unauthorized(
        "invalid_token",
        "this access token is bound to a key (DPoP), and nobody checks the proof here: hand it to POST /check-token, and \
         compare `cnf` of the answer with the key of the proof",
    )
}

/// 401 `expired_token`.
pub fn expired() -> Error {
    Error::unauthorized("expired_token", "this token has expired; log in again")
}

/// 401 `invalid_token`, for a token of another issuer.
pub fn invalid_elsewhere() -> Error {
    Error::unauthorized(
        "invalid_token",
        "this token of another issuer is not taken: its signature, its claims or its owner are not what the service's trust in that \
         issuer asks for. The log says which",
    )
}

/// 401 `expired_token`, for a token of another issuer.
pub fn expired_elsewhere() -> Error {
    Error::unauthorized("expired_token", "this token of another issuer has expired; get another one there")
}

fn single<'a>(mut values: impl Iterator<Item = &'a HeaderValue>) -> Result<Option<&'a str>, Error> {
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid());
    }
    let text = value.to_str().map_err(|_| invalid())?;
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// What stands behind this scheme.
pub fn of_scheme<'a>(wanted: &str, authorization: &'a str) -> Option<&'a str> {
    let (scheme, token) = authorization.split_once(' ')?;
    (scheme.eq_ignore_ascii_case(wanted) && !token.trim().is_empty()).then_some(token)
}
