use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::base::id::SessionId;
use crate::base::opaque::refresh_token::RefreshToken;
use crate::base::opaque::token::Token;
use crate::gate::sessions::Payload;

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
    /// What proves it: for the cookie of a browser.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Without a refresh token.
    pub(super) fn alone(token: Token, expires_at: OffsetDateTime, payload: Payload) -> Self {
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
