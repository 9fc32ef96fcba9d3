//! A session begins: what a login and a registration have in common.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use tracing::Instrument;
use utoipa::ToSchema;

use super::store::{self, Begun, NewSession};
use crate::base::error::Result;
use crate::base::id::{PersonId, SessionId};
use crate::base::opaque::refresh_token::RefreshToken;
use crate::base::opaque::token::Token;
use crate::gate::audit::Origin;
use crate::gate::sessions::store::families;
use crate::gate::sessions::{Bounds, PairTimes, Payload};
use crate::identity::Identity;
use crate::identity::attempts::Attempt;
use crate::identity::mail::{self, Content};
use crate::platform::passwords::PasswordHash;
use crate::platform::traces;

/// Somebody who is to get a session.
#[derive(Debug)]
pub struct Entrant<'a> {
    /// Who.
    pub person: PersonId,
    /// What lets them in.
    pub proof: Proof<'a>,
    /// Where they come from.
    pub origin: &'a Origin,
    /// From `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// Whether they want a refresh token, too.
    pub refresh: bool,
}

/// What lets somebody in.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// Their password.
    Password {
        /// The hash that it was verified against, which must be theirs still.
        verified: &'a PasswordHash,
        /// The attempt that has succeeded, unless others have begun a wait since.
        attempt: &'a Attempt,
    },
    /// That they were registered, in the transaction in which the session begins.
    Registration,
}

impl<'a> Proof<'a> {
    /// The hash that the session begins with or not at all.
    pub fn verified(self) -> Option<&'a PasswordHash> {
        match self {
            Self::Password { verified, .. } => Some(verified),
            Self::Registration => None,
        }
    }

    /// What has been guessed at.
    pub fn attempt(self) -> Option<&'a Attempt> {
        match self {
            Self::Password { attempt, .. } => Some(attempt),
            Self::Registration => None,
        }
    }
}

/// A new or refreshed session.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedIn {
    /// Send it in the header `token`. Shown only once.
    #[schema(
        value_type = String,
        pattern = "^ptk_[0-9a-f]{72}$",
        example = "ptk_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273fb5fcb16"
    )]
    token: Token,
    /// When it expires unless a check renews it, in Unix seconds.
    #[schema(example = 1_795_305_600)]
    expires_at: i64,
    /// What `GET /changes` calls this session when it ends.
    session_id: SessionId,
    /// Whose it is.
    payload: Payload,
    /// Exchange it once at `POST /auth/refresh` for a new pair. Shown only once, and only if requested, like the next
    /// two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        value_type = Option<String>,
        nullable = false,
        pattern = "^prt_[0-9a-f]{72}$",
        example = "prt_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273d0c03d74"
    )]
    refresh_token: Option<RefreshToken>,
    /// `token` may also be sent as `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "Bearer")]
    token_type: Option<&'static str>,
    /// In how many seconds `token` expires unless a check renews it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 300)]
    expires_in: Option<i64>,
}

impl LoggedIn {
    fn alone(token: Token, expires_at: OffsetDateTime, payload: Payload) -> Self {
        let session_id = token.hash().session_id();
        let expires_at = expires_at.unix_timestamp();
        Self { token, expires_at, session_id, payload, refresh_token: None, token_type: None, expires_in: None }
    }

    /// With a refresh token.
    pub(super) fn pair(
        (token, refresh_token): (Token, RefreshToken),
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
        payload: Payload,
    ) -> Self {
        Self {
            refresh_token: Some(refresh_token),
            token_type: Some("Bearer"),
            expires_in: Some((expires_at - now).whole_seconds()),
            ..Self::alone(token, expires_at, payload)
        }
    }
}

/// Begins a session: on a transaction, where they want a refresh token. `None` when they were removed or disabled or got
/// another password since it was verified, or others have begun a wait.
pub async fn begin(identity: &Identity, conn: &mut PgConnection, who: &Entrant<'_>) -> Result<Option<LoggedIn>> {
    let now = identity.clock.now();
    let token = identity.new_token(now)?;
    let session = NewSession {
        token: token.hash(),
        person: who.person,
        proof: who.proof,
        now,
        bounds: Bounds::at(now, &identity.sessions),
        origin: who.origin,
        user_agent: who.user_agent,
    };
    let began = store::insert(&mut *conn, &session).instrument(traces::query("begin session")).await?;
    let Some(Begun { payload, on_new_device }) = began else { return Ok(None) };
    if on_new_device {
        let address = who.origin.address.map(|address| address.to_string()).unwrap_or_default();
        let content = Content::NewDevice { address, user_agent: who.user_agent.map(str::to_owned) };
        mail::queue(&mut *conn, identity, who.person, &content, None).await?;
        identity.post.wake();
    }
    let lifetime = identity.sessions.lifetime;
    if !who.refresh {
        return Ok(Some(LoggedIn::alone(token, lifetime.expires_at(now, now), payload)));
    }
    let refresh_token = identity.new_refresh_token(now)?;
    let times = PairTimes::new(&lifetime, now, identity.sessions.families.expires_at(now, now));
    families::begin(conn, token.hash(), refresh_token.hash(), times).await?;
    let expires_at = lifetime.expires_at(times.created_at, now);
    Ok(Some(LoggedIn::pair((token, refresh_token), now, expires_at, payload)))
}
