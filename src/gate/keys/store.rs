//! The table `auth.service_keys`, as it is asked at each use.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::CheckedKey;
use crate::base::error::Result;
use crate::base::id::{KeyId, ServiceId};
use crate::base::opaque::service_key::KeyHash;

/// The key with this hash. Whether it is over is for the asker to say.
pub async fn find(conn: &mut PgConnection, key: KeyHash) -> Result<Option<CheckedKey>> {
    let found = sqlx::query_as!(
        CheckedKey,
        r#"
        select id as "id: KeyId", service_id as "service: ServiceId", last_used_at, expires_at
        from auth.service_keys
        where key_hash = $1
        "#,
        key.as_bytes(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(found)
}

/// Notes that a key was used, unless that has been noted since `since`.
pub async fn note_use(conn: &mut PgConnection, key: KeyId, now: OffsetDateTime, since: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "update auth.service_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at <= $3)",
        key.0,
        now,
        since,
    )
    .execute(conn)
    .await?;
    Ok(())
}
