//! The table `auth.service_keys`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{CheckedKey, Key, KeyHash, KeyId, KeyName};
use crate::error::{Error, Result};
use crate::http::Page;
use crate::id::Id;
use crate::services::{self, ServiceId};
use crate::users::PersonId;

/// How many keys a service may have: enough for every instance of a backend to have its own, and to change them.
const MAX_KEYS: i64 = 100;

/// The live key with this hash.
pub async fn find(conn: &mut PgConnection, key: KeyHash) -> Result<Option<CheckedKey>> {
    let found = sqlx::query_as!(
        CheckedKey,
        r#"
        select id as "id: KeyId", service_id as "service: ServiceId", last_used_at
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

/// Gives a service a key; nobody else gives it one until this transaction ends.
///
/// # Errors
/// 404 `service_not_found`; 409 `built_in` for Portero itself; 409 `too_many_keys`.
pub async fn insert(
    conn: &mut PgConnection,
    service: ServiceId,
    name: &KeyName,
    key: KeyHash,
    by: Option<PersonId>,
) -> Result<Key> {
    if service == ServiceId::PORTERO {
        return Err(Error::conflict("built_in", "Portero itself has no keys: a key is for one of your own services"));
    }
    services::store::lock(conn, service).await?;
    let made = sqlx::query!(
        r#"
        insert into auth.service_keys (service_id, key_hash, name, created_by)
        select $1, $2, $3, $4
        where (select count(*) from auth.service_keys where service_id = $1) < $5
        returning id as "id: KeyId", name, created_at, created_by as "created_by: PersonId"
        "#,
        service.0,
        key.as_bytes(),
        name.as_str(),
        by.map(|person| person.0),
        MAX_KEYS,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(|| Error::conflict("too_many_keys", "this service has a hundred keys: revoke those not in use"))?;
    Ok(Key {
        id: made.id,
        name: made.name,
        fingerprint: key.fingerprint(),
        created_at: made.created_at,
        created_by: made.created_by,
        last_used_at: None,
    })
}

/// One page of a service's keys.
pub async fn list(conn: &mut PgConnection, service: ServiceId, page: &Page) -> Result<Vec<Key>> {
    let keys = sqlx::query_as!(
        Key,
        r#"
        select id as "id: KeyId", name, left(encode(key_hash, 'hex'), 8) as "fingerprint!",
               created_at, created_by as "created_by: PersonId", last_used_at
        from auth.service_keys
        where service_id = $1
          and id > $2
          and ($3::text is null or lower(name) ^@ lower($3))
        order by id
        limit $4
        "#,
        service.0,
        page.after(i32::MIN),
        page.prefix(),
        page.fetch(),
    )
    .fetch_all(conn)
    .await?;
    Ok(keys)
}

/// Ends a key of a service: it is dead in the very next request.
pub async fn revoke(conn: &mut PgConnection, service: ServiceId, key: KeyId) -> Result<()> {
    let revoked = sqlx::query!("delete from auth.service_keys where id = $1 and service_id = $2", key.0, service.0)
        .execute(conn)
        .await?;
    if revoked.rows_affected() == 0 { Err(KeyId::not_found()) } else { Ok(()) }
}
