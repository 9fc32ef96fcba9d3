//! The table `auth.service_keys`.

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Key, KeyName};
use crate::base::error::{Error, Result};
use crate::base::id::{Id, KeyId, PersonId, ServiceId};
use crate::base::opaque::service_key::KeyHash;
use crate::gate;
use crate::platform::http::{Page, Total};

/// How many keys a service may have: enough for every instance of a backend to have its own, and to change them.
const MAX_KEYS: i64 = 100;

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
    (now, expires_at): (OffsetDateTime, Option<OffsetDateTime>),
) -> Result<Key> {
    if service == ServiceId::PORTERO {
        return Err(Error::conflict("built_in", "Portero itself has no keys: a key is for one of your own services"));
    }
    gate::store::services::lock(conn, service).await?;
    let made = sqlx::query!(
        r#"
        insert into auth.service_keys (service_id, key_hash, name, created_by, expires_at)
        select $1, $2, $3, $4, $6
        where (
            select count(*) from auth.service_keys where service_id = $1 and auth.lasts(expires_at, $7)
        ) < $5
        returning id as "id: KeyId", name, created_at, created_by as "created_by: PersonId"
        "#,
        service.0,
        key.as_bytes(),
        name.as_str(),
        by.map(|person| person.0),
        MAX_KEYS,
        expires_at,
        now,
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
        expires_at,
    })
}

/// One page of a service's keys that are good at `now`.
pub async fn list(conn: &mut PgConnection, service: ServiceId, page: &Page, now: OffsetDateTime) -> Result<Vec<Key>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Key,
            r#"
            select id as "id: KeyId", name, left(encode(key_hash, 'hex'), 8) as "fingerprint!",
                   created_at, created_by as "created_by: PersonId", last_used_at, expires_at
            from auth.service_keys
            where service_id = $1
              and id > $2
              and ($3::text is null or auth.fold(name) ^@ $3)
              and auth.lasts(expires_at, $5)
            order by id
            limit $4
            "#,
            service.0,
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
            now,
        )
    })
    .await
}

/// Ends a key of a service: it is dead in the very next request.
pub async fn revoke(conn: &mut PgConnection, service: ServiceId, key: KeyId) -> Result<()> {
    let revoked = sqlx::query!("delete from auth.service_keys where id = $1 and service_id = $2", key.0, service.0)
        .execute(conn)
        .await?;
    if revoked.rows_affected() == 0 { Err(KeyId::not_found()) } else { Ok(()) }
}

#[derive(Debug, Serialize)]
pub struct ExpiredKey {
    #[serde(skip)]
    pub service: ServiceId,
    pub id: KeyId,
    pub name: String,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}

/// Deletes up to `limit` keys that are over at `now`: streams that were opened with them end.
pub async fn sweep(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<ExpiredKey>> {
    let swept = sqlx::query_as!(
        ExpiredKey,
        r#"
        delete from auth.service_keys
        where id in (
            select id from auth.service_keys where expires_at <= $1 order by expires_at limit $2 for update skip locked
        )
        returning service_id as "service: ServiceId", id as "id: KeyId", name, expires_at
        "#,
        now,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(swept)
}
