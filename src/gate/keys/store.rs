//! The table `auth.service_keys`, as it is asked at each use.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::CheckedKey;
use crate::base::error::Result;
use crate::base::id::{KeyId, ServiceId};
use crate::base::opaque::service_key::KeyHash;
use crate::platform::database::by_place;
use crate::platform::http::credential;

/// The keys with these hashes, in their order. Whether they are over is for the asker to say.
pub async fn find_all(conn: &mut PgConnection, keys: &[KeyHash]) -> Result<Vec<Option<CheckedKey>>> {
    let hashes: Vec<&[u8]> = keys.iter().map(KeyHash::as_bytes).collect();
    let rows = sqlx::query!(
        r#"
        select
            asked.place as "place!", k.id as "id: KeyId", k.service_id as "service: ServiceId", k.last_used_at,
            k.expires_at
        from unnest($1::bytea[]) with ordinality as asked (key_hash, place)
        join auth.service_keys k on k.key_hash = asked.key_hash
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &hashes as &[&[u8]],
    )
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter().map(|row| {
        let (id, service, last_used_at, expires_at) = (row.id, row.service, row.last_used_at, row.expires_at);
        (row.place, CheckedKey { id, service, last_used_at, expires_at })
    });
    by_place(keys, found)
}

/// Keeps a key from being revoked until this transaction ends.
///
/// # Errors
/// 401 `invalid_token` when it was meanwhile.
pub async fn hold(conn: &mut PgConnection, key: KeyId) -> Result<()> {
    sqlx::query_scalar!("select id from auth.service_keys where id = $1 for share", key.0)
        .fetch_optional(conn)
        .await?
        .map(|_| ())
        .ok_or_else(credential::invalid_key)
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
