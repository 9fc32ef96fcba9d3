//! Keys that are over.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::KEPT;
use crate::base::error::Result;
use crate::base::id::{ApiKeyId, PersonId};

/// A key that came to its end.
#[derive(Debug, Serialize)]
pub struct ExpiredApiKey {
    #[serde(skip)]
    pub owner: PersonId,
    pub id: ApiKeyId,
    pub name: String,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

/// Marks up to `limit` keys that are over at `now`, so that their end is told once.
pub async fn sweep(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<ExpiredApiKey>> {
    let swept = sqlx::query_as!(
        ExpiredApiKey,
        r#"
        update auth.api_keys
        set end_told_at = $1
        where id = any (array(
            select id
            from auth.api_keys
            where expires_at <= $1 and end_told_at is null
            order by expires_at
            limit $2
            for update skip locked
        ))
        returning person_id as "owner: PersonId", id as "id: ApiKeyId", name, expires_at
        "#,
        now,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(swept)
}

/// Deletes up to `limit` keys whose end was told, and is so long ago that lists have them no more at `now`.
pub async fn purge(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<u64> {
    let purged = sqlx::query!(
        r#"
        delete from auth.api_keys
        where id = any (array(
            select id
            from auth.api_keys
            where expires_at <= $1 and end_told_at is not null
            order by expires_at
            limit $2
            for update skip locked
        ))
        "#,
        now - KEPT,
        limit,
    );
    Ok(purged.execute(conn).await?.rows_affected())
}
