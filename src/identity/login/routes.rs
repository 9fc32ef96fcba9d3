use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{Entered, Entry, enter, verify};
use crate::base::error::Result;
use crate::base::id::{ApiKeyId, SessionId};
use crate::base::opaque::second_step::DeviceTokenHash;
use crate::gate::audit::{AuditedTx, Origin};
use crate::gate::sessions::Payload;
use crate::gate::{Caller, Principal};
use crate::identity::Identity;
use crate::identity::sessions;
use crate::platform::http::access_log::user_agent;
use crate::platform::http::{Json, MAX_OF_STRANGERS, Route, Routes, credential};
use crate::platform::metrics::Way;
use crate::platform::passwords::Presented;

/// `/auth/…`.
pub fn routes() -> Routes<Identity> {
    Routes::new()
        .routes(Route::from(routes!(login)).short())
        .routes(Route::from(routes!(logout)).for_anyone().short())
        .routes(Route::from(routes!(profile)).for_anyone())
}

/// Credentials of a person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "juan", "password": "juan-hash"}))]
struct Login {
    /// Their username.
    #[serde(alias = "login")]
    #[schema(example = "juan")]
    username: String,
    /// Their password.
    password: Presented,
    /// Whether to return a refresh token.
    #[serde(default)]
    #[schema(default = false, example = false)]
    refresh: bool,
    /// What `POST /auth/mfa` has answered on this device, if it is trusted.
    #[serde(default)]
    #[schema(
        value_type = Option<String>,
        example = "ptd_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f4051627300000000"
    )]
    device_token: Option<PresentedDevice>,
}

/// What a device presents; `None` for what is none.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
struct PresentedDevice(Option<DeviceTokenHash>);

impl From<String> for PresentedDevice {
    fn from(text: String) -> Self {
        Self(DeviceTokenHash::of(&text))
    }
}

/// Log in
///
/// Unknown, removed or disabled people and wrong passwords all get the same answer in the same time. After too many
/// failures each further attempt must wait: 429 with `Retry-After`, whether the password is right or wrong. Who has a second
/// factor, or must have one, gets no token yet, but `"mfa_required": true`: `POST /auth/mfa` finishes the login.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login, security(()), responses(
    (status = 200, body = Entered),
    (status = 401, description = "`invalid_credentials`"),
    (status = 429, description = "`too_many_attempts`, `too_many_logins`, `too_many_at_once`"),
))]
async fn login(
    State(identity): State<Identity>,
    Ok(origin): Result<Origin, Infallible>,
    headers: HeaderMap,
    Json(login): Json<Login, MAX_OF_STRANGERS>,
) -> Result<Json<Entered>> {
    let attempt = identity.metrics.login(Way::Password);
    let began = begin(&identity, &origin, &headers, login).await;
    attempt.ends(Entered::outcome(&began));
    began.map(Json)
}

async fn begin(identity: &Identity, origin: &Origin, headers: &HeaderMap, login: Login) -> Result<Entered> {
    let verified = verify(identity, origin, &login.username, login.password).await?;
    let (user_agent, refresh) = (user_agent(headers), login.refresh);
    let device = login.device_token.and_then(|presented| presented.0);
    enter(identity, &verified, &Entry { origin, user_agent, refresh, before: None, device }).await
}

/// The session was ended.
#[derive(Debug, Serialize, ToSchema)]
struct LoggedOut {
    #[schema(example = "logged_out")]
    status: &'static str,
}

/// Log out
///
/// Revokes the token in the very next check, on every instance, and its refresh token as well.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", responses((status = 200, body = LoggedOut)))]
async fn logout(State(identity): State<Identity>, caller: Caller) -> Result<Json<LoggedOut>> {
    let mut tx = AuditedTx::new(identity.db.begin().await?, caller.by(&identity));
    if !sessions::log_out(&mut tx, caller.person, caller.token).await? {
        return Err(credential::invalid());
    }
    tx.commit([]).await?;
    Ok(Json(LoggedOut { status: "logged_out" }))
}

/// Your session.
#[derive(Debug, Serialize, ToSchema)]
struct Profile {
    /// Whose it is.
    #[schema(value_type = Payload)]
    payload: Arc<Payload>,
    /// Whether this very request renewed it.
    #[schema(example = false)]
    renewed: bool,
    /// When it expires unless a check renews it, in Unix seconds.
    #[schema(example = 1_795_305_600)]
    expires_at: i64,
    /// What `GET /changes` calls this session when it ends.
    session_id: SessionId,
    /// The API key that you sent. Only if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 12)]
    api_key_id: Option<ApiKeyId>,
}

/// Get your own session
///
/// Renews the session when it is near its end. Also says whose API key you sent.
#[utoipa::path(get, path = "/auth/profile", tag = "auth", responses((status = 200, body = Profile)))]
async fn profile(caller: Principal) -> Json<Profile> {
    Json(Profile {
        payload: caller.payload,
        renewed: caller.renewed,
        expires_at: caller.expires_at.unix_timestamp(),
        session_id: caller.id,
        api_key_id: caller.means.api_key(),
    })
}
