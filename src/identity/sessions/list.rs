//! Where somebody is logged in.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Older;
use super::store::listed::{self, SessionQuery, SessionRow};
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::opaque::token::TokenHash;
use crate::identity::Identity;

/// A session on one device.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedSession {
    /// Not a credential. With a refresh token it stays the same for the whole session.
    #[schema(pattern = "^[0-9a-f]{32}$", example = "9c2e4d8fe97d881430de4e754b4205b9")]
    pub id: String,
    /// The `User-Agent` at login.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")]
    pub device: Option<String>,
    /// The client's address at login.
    #[schema(example = "203.0.113.7")]
    pub address: Option<String>,
    /// The `x-client-id` at login.
    #[schema(example = "web-shop")]
    pub client_id: Option<String>,
    /// When the person logged in.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// The time of login, or of the last renewal or refresh.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:30:00Z")]
    pub last_seen_at: OffsetDateTime,
    /// When it expires unless renewed or refreshed, in Unix seconds.
    #[schema(example = 1_795_305_600)]
    pub expires_at: i64,
    /// Whether it is the caller's session.
    #[schema(example = true)]
    pub current: bool,
}

impl ListedSession {
    /// Its place in a list.
    pub fn key(&self) -> (OffsetDateTime, &str) {
        (self.created_at, &self.id)
    }
}

/// A part of a person's sessions, the newest first; `asking` is the one that asks.
pub async fn sessions(
    conn: &mut PgConnection,
    identity: &Identity,
    person: PersonId,
    asking: Option<TokenHash>,
    older: &Older,
) -> Result<Vec<ListedSession>> {
    let (lifetime, families) = (identity.sessions.lifetime, identity.sessions.families);
    let wanted = SessionQuery { person, asking, lifetimes: (lifetime, families), now: identity.clock.now(), older };
    let rows = listed::list(conn, &wanted).await?;
    let sessions = rows.into_iter().map(|row| {
        let SessionRow { id, device, address, client_id, created_at, last_seen_at, kept_at, refreshes, current } = row;
        let expires_at =
            if refreshes { families.expires_at(created_at, kept_at) } else { lifetime.expires_at(created_at, kept_at) };
        let expires_at = expires_at.unix_timestamp();
        ListedSession { id, device, address, client_id, created_at, last_seen_at, expires_at, current }
    });
    Ok(sessions.collect())
}
