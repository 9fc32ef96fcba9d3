use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::relying_party::RelatedOrigins;
use super::{PasskeyCredential, PasskeyOptions, RelyingParty, sign_in, sign_in_options};
use crate::base::error::{Error, Result};
use crate::gate::audit::Origin;
use crate::identity::Identity;
use crate::identity::sessions::LoggedIn;
use crate::platform::http::access_log::user_agent;
use crate::platform::http::{IfNoneMatch, Json, MAX_OF_STRANGERS, Route, Routes, documented};
use crate::platform::metrics::{Outcome, Way};

/// `/auth/passkeys/…`, `/.well-known/webauthn`.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(Route::from(routes!(ask_for_passkey)).short())
        .routes(Route::from(routes!(log_in_with_passkey)).short())
        .routes(documented(routes!(related_origins)).without_postgres().to_any_origin())
}

/// Ask for a passkey to log in with
///
/// What the browser is to ask for. It can be answered once, at `POST /auth/passkeys/login`, within five minutes.
#[utoipa::path(post, path = "/auth/passkeys/options", tag = "auth", security(()), responses(
    (status = 200, body = PasskeyOptions),
    (status = 409, description = "`passkeys_unavailable`"),
    (status = 429, description = "`too_many_at_once`"),
))]
async fn ask_for_passkey(
    State(identity): State<Identity>,
    Ok(origin): Result<Origin, Infallible>,
) -> Result<Json<PasskeyOptions>> {
    sign_in_options(&identity, &origin).await.map(Json)
}

/// A passkey that has signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasskeyLogin {
    /// All that the browser answers: `credential.toJSON()`.
    #[schema(value_type = PasskeyCredential)]
    credential: Value,
    /// Whether to return a refresh token.
    #[serde(default)]
    #[schema(default = false, example = false)]
    refresh: bool,
}

/// Log in with a passkey
///
/// Without a username: the passkey says who it is. All refusals are alike, and come at the same time. Failures count as failed
/// logins.
#[utoipa::path(post, path = "/auth/passkeys/login", tag = "auth", request_body = PasskeyLogin, security(()), responses(
    (status = 200, body = LoggedIn),
    (status = 401, description = "`passkey_refused`"),
    (status = 409, description = "`passkeys_unavailable`"),
    (status = 429, description = "`too_many_attempts`, `too_many_logins`"),
))]
async fn log_in_with_passkey(
    State(identity): State<Identity>,
    Ok(origin): Result<Origin, Infallible>,
    headers: HeaderMap,
    Json(login): Json<PasskeyLogin, MAX_OF_STRANGERS>,
) -> Result<Json<LoggedIn>> {
    let attempt = identity.metrics.login(Way::Passkey);
    let from = (&origin, user_agent(&headers));
    let began = sign_in(&identity, &login.credential, from, login.refresh, None).await;
    attempt.ends(Outcome::of(&began));
    began.map(Json)
}

/// Get the origins that may use passkeys of this host
///
/// For browsers (WebAuthn level 3, section 5.11). `PASSKEY_ORIGINS` adds some.
#[utoipa::path(get, path = "/.well-known/webauthn", tag = "auth", security(()), responses(
    (status = 200, body = RelatedOrigins),
    (status = 404, description = "`passkeys_unavailable`"),
))]
async fn related_origins(State(identity): State<Identity>, seen: IfNoneMatch) -> Result<Response> {
    let unavailable =
        |_| Error::not_found("passkeys_unavailable", "PUBLIC_URL has no host name, so there are no passkeys");
    let party = RelyingParty::here(&identity).map_err(unavailable)?;
    Ok(party.related_origins.answer(&seen, "public, max-age=300"))
}
