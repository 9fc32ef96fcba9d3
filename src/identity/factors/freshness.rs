//! What a thief of a session must not do wants a login of lately: one by a second factor, for who has one.

use axum::http::{HeaderValue, header};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::store;
use crate::base::amr::Amr;
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::opaque::token::TokenHash;
use crate::gate::Caller;
use crate::gate::sessions::Authentication;
use crate::gate::sessions::store::authentication;

/// Refuses (403 `reauthentication_required`) a caller who has not proved in the last 15 minutes who they are, or did so without their
/// second factor where they have one. To be asked in the transaction of what it protects.
pub async fn must_be_fresh(conn: &mut PgConnection, caller: &Caller, now: OffsetDateTime) -> Result<()> {
    if is_fresh(conn, caller.person, caller.token, now).await? {
        return Ok(());
    }
    Err(reauthentication_required(
        "prove who you are at POST /auth/reauthenticate, or log in again: that was more than 15 minutes ago, or without your second \
         factor",
    ))
}

/// Whether whoever has this session has proved in the last 15 minutes who they are, and did so with their second factor where they have one.
pub async fn is_fresh(
    conn: &mut PgConnection,
    person: PersonId,
    token: TokenHash,
    now: OffsetDateTime,
) -> Result<bool> {
    let Some(proved) = authentication(conn, token).await? else { return Ok(false) };
    let is_recent = proved.is_recent(now);
    Ok(is_recent && (proved.amr.has(Amr::MFA) || store::second_factors(conn, person).await?.is_empty()))
}

/// 403 `reauthentication_required`, with the challenge that says so in the standard's words (RFC 9470).
pub fn reauthentication_required(detail: &'static str) -> Error {
    let max_age = Authentication::RECENT.whole_seconds();
    let challenge = format!(r#"Bearer realm="portero", error="insufficient_user_authentication", max_age="{max_age}""#);
    let error = Error::forbidden("reauthentication_required", detail);
    match HeaderValue::from_str(&challenge) {
        Ok(challenge) => error.with_header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => error,
    }
}
