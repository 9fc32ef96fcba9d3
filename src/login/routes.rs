use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::Instrument;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::verify;
use crate::access::Caller;
use crate::app::App;
use crate::audit::{Action, Change, Event, Origin};
use crate::error::{Error, Result};
use crate::http::Json;
use crate::metrics::Outcome;
use crate::passwords::Presented;
use crate::tokens::store::{Begun, NewSession};
use crate::tokens::{self, Payload, SessionId, Token};
use crate::traces;

/// `/auth/…`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(logout)).routes(routes!(profile))
}

/// Who wants to log in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    /// Their username.
    #[schema(example = "juan")]
    username: String,
    /// Their password.
    password: Presented,
}

/// A session that has begun.
#[derive(Debug, Serialize, ToSchema)]
struct LoggedIn {
    /// To be sent in the header `token`. It is shown this once.
    #[schema(
        value_type = String,
        pattern = "^ptk_[0-9a-f]{72}$",
        example = "ptk_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273fb5fcb16"
    )]
    token: Token,
    /// When it ends unless a check renews it, in Unix seconds.
    #[schema(example = 1_795_305_600)]
    expires_at: i64,
    /// What `GET /changes` calls this session when it ends.
    session_id: SessionId,
    /// Whose it is.
    payload: Payload,
}

/// Log in
///
/// Unknown user, wrong password, removed or disabled user: the same answer, in the same time. Whoever fails too often
/// waits: 429 with `Retry-After`, whether the password is right or wrong.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login, security(()), responses(
    (status = 200, body = LoggedIn),
    (status = 401, description = "`invalid_credentials`"),
    (status = 429, description = "`too_many_attempts`"),
))]
async fn login(
    State(app): State<App>,
    Ok(origin): Result<Origin, Infallible>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Json<LoggedIn>> {
    let attempt = app.metrics.login();
    let began = begin(&app, &origin, &headers, login).await;
    attempt.ends(Outcome::of(&began));
    began.map(Json)
}

async fn begin(app: &App, origin: &Origin, headers: &HeaderMap, login: Login) -> Result<LoggedIn> {
    let verified = verify(app, origin, &login.username, login.password).await?;
    let now = app.clock.now();
    let token = app.new_token(now)?;
    let user_agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let session = NewSession {
        token: token.hash(),
        person: verified.person,
        verified: &verified.hash,
        now,
        origin,
        user_agent: user_agent.map(|agent| &agent[..agent.len().min(300)]),
        attempt: Some(&verified.attempt),
    };
    let inserted = async {
        let mut conn = app.db.read().await?;
        let begun = tokens::store::insert(&mut conn, &session).await?;
        conn.keep().await?;
        Ok::<_, Error>(begun)
    };
    let begun = inserted.instrument(traces::query("begin session")).await?;
    let Some(Begun { payload, on_new_device }) = begun else { return Err(verified.refused(app, origin).await) };
    let expires_at = app.config.lifetime.expires_at(now, now).unix_timestamp();
    let session_id = token.hash().session_id();
    if on_new_device {
        tracing::info!(user_id = payload.user_id, "a login on a device that is new for this person");
    }
    Ok(LoggedIn { token, expires_at, session_id, payload })
}

/// That a session has ended.
#[derive(Debug, Serialize, ToSchema)]
struct LoggedOut {
    #[schema(example = "logged_out")]
    status: &'static str,
}

/// Log out
///
/// The token is dead in the very next check, on every instance.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", responses((status = 200, body = LoggedOut)))]
async fn logout(State(app): State<App>, caller: Caller) -> Result<Json<LoggedOut>> {
    let mut tx = Change::new(app.db.begin().await?, caller.by(&app));
    tokens::store::revoke(&mut tx, caller.token).await?;
    let ended = json!({"session_id": caller.token.session_id()});
    tx.commit([Event::new(Action::SessionRevoked).about(caller.person).before(ended)]).await?;
    Ok(Json(LoggedOut { status: "logged_out" }))
}

/// One's own session.
#[derive(Debug, Serialize, ToSchema)]
struct Profile {
    /// Whose it is.
    #[schema(value_type = Payload)]
    payload: Arc<Payload>,
    /// Whether this very request renewed it.
    #[schema(example = false)]
    renewed: bool,
    /// When it ends unless a check renews it, in Unix seconds.
    #[schema(example = 1_795_305_600)]
    expires_at: i64,
    /// What `GET /changes` calls this session when it ends.
    session_id: SessionId,
}

/// See one's own session
///
/// Renews it when it is near its end.
#[utoipa::path(get, path = "/auth/profile", tag = "auth", responses((status = 200, body = Profile)))]
async fn profile(caller: Caller) -> Json<Profile> {
    let checked = caller.checked;
    Json(Profile {
        payload: checked.session.payload,
        renewed: checked.renewed,
        expires_at: checked.expires_at.unix_timestamp(),
        session_id: caller.token.session_id(),
    })
}
