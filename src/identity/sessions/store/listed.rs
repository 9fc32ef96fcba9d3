//! A person's sessions as people see them: a family is one of them, whether or not it has an access token now.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, SessionId};
use crate::base::opaque::token::TokenHash;
use crate::gate::sessions::{FamilyLifetime, Lifetime};
use crate::identity::sessions::Older;
use crate::platform::http::Total;

/// A session, as lists show it.
#[derive(Debug)]
pub struct SessionRow {
    /// What people know it by.
    pub id: String,
    /// From `User-Agent`.
    pub device: Option<String>,
    /// Where it logged in from.
    pub address: Option<String>,
    /// From `x-client-id`.
    pub client_id: Option<String>,
    /// Login.
    pub created_at: OffsetDateTime,
    /// Login or last renewal or refresh.
    pub last_seen_at: OffsetDateTime,
    /// Since when its shorter lifetime counts.
    pub kept_at: OffsetDateTime,
    /// Whether it has a refresh token.
    pub refreshes: bool,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Whose sessions, and which of them.
#[derive(Debug)]
pub struct SessionQuery<'a> {
    pub person: PersonId,
    /// The one that asks, if one does.
    pub asking: Option<TokenHash>,
    /// Those that are not over by these.
    pub lifetimes: (Lifetime, FamilyLifetime),
    pub now: OffsetDateTime,
    /// Which part of the list.
    pub older: &'a Older,
}

/// A person's sessions that are not over, the newest first.
pub async fn list(conn: &mut PgConnection, wanted: &SessionQuery<'_>) -> Result<Vec<SessionRow>> {
    let (lifetime, families) = wanted.lifetimes;
    Total::rows(conn, wanted.older, |older| {
        sqlx::query_as!(
            SessionRow,
            r#"
            select id as "id!", device, address, client_id, created_at as "created_at!", last_seen_at as "last_seen_at!",
                   kept_at as "kept_at!", refreshes as "refreshes!", current as "current!"
            from (
                select f.public_id as id, f.user_agent as device, host(f.address) as address, f.client_id, f.created_at,
                       greatest(f.rotated_at, t.modified_at) as last_seen_at, f.rotated_at as kept_at,
                       true as refreshes, coalesce(t.current, false) as current
                from auth.refresh_families f
                cross join lateral (
                    select max(modified_at) as modified_at, bool_or(token = $2) as current
                    from auth.tokens_cache
                    where family_id = f.id
                ) t
                where f.person_id = $1 and f.rotated_at > $3 and f.created_at > $4
                union all
                select left(encode(sha256(token), 'hex'), 32), user_agent, host(address), client_id, created_at,
                       modified_at, modified_at, false, coalesce(token = $2, false)
                from auth.tokens_cache
                where person_id = $1 and family_id is null and modified_at > $5 and created_at > $6
            ) session
            where $7::timestamptz is null or (created_at, id) < ($7, $8)
            order by created_at desc, id desc
            limit $9
            "#,
            wanted.person.0,
            wanted.asking.as_ref().map(TokenHash::as_bytes),
            wanted.now - families.idle,
            wanted.now - families.absolute,
            wanted.now - lifetime.sliding,
            wanted.now - lifetime.absolute,
            older.created_at(),
            older.id(),
            older.fetch(),
        )
    })
    .await
}

/// Ends one of a person's sessions, named as the list names it, or as the answers about its token do. Answers whether
/// it was there. To be done under a lock of the person.
pub async fn end(conn: &mut PgConnection, person: PersonId, id: &SessionId) -> Result<bool> {
    let families = sqlx::query!(
        r#"
        delete from auth.refresh_families
        where person_id = $1
          and (
              public_id = $2
              or id = (
                  select family_id
                  from auth.tokens_cache
                  where person_id = $1 and left(encode(sha256(token), 'hex'), 32) = $2
              )
          )
        "#,
        person.0,
        id.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    let sessions = sqlx::query!(
        "delete from auth.tokens_cache where person_id = $1 and left(encode(sha256(token), 'hex'), 32) = $2",
        person.0,
        id.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(families.rows_affected() + sessions.rows_affected() > 0)
}
