//! The tables `auth.passkeys` and `auth.passkey_users`.

pub mod challenges;

use base64ct::{Base64UrlUnpadded, Encoding};
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::ceremony::{HANDLE, Use};
use super::passkey::{self, NewPasskey, StoredPasskey};
use super::{Passkey, PasskeyId, PasskeyName, WaysIn};
use crate::base::error::{OnConstraint, Result};
use crate::base::id::{Id, PersonId};

/// What a signature of this credential is held against, if it is one of somebody here.
pub async fn find(conn: &mut PgConnection, credential_id: &[u8]) -> Result<Option<StoredPasskey>> {
    let row = sqlx::query!(
        r#"
        select k.id as "id: PasskeyId", k.person_id as "person: PersonId", p.disabled_at is null as "enabled!",
               u.user_handle, k.verifier, k.sign_count, k.is_backup_eligible, k.is_backed_up
        from auth.passkeys k
        join auth.person p on p.id = k.person_id
        join auth.passkey_users u on u.person_id = k.person_id
        where k.credential_id = $1 and p.removed_at is null
        "#,
        credential_id,
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(StoredPasskey {
        id: row.id,
        person: row.person,
        enabled: row.enabled,
        user_handle: row.user_handle,
        verifier: row.verifier,
        sign_count: u32::try_from(row.sign_count).map_err(anyhow::Error::from)?,
        is_backup_eligible: row.is_backup_eligible,
        is_backed_up: row.is_backed_up,
    }))
}

/// Notes that a passkey has signed; `false` where it is gone, or has signed as often or more often by what it says.
pub async fn note_use(conn: &mut PgConnection, id: PasskeyId, used: Use, now: OffsetDateTime) -> Result<bool> {
    let noted = sqlx::query!(
        r#"
        update auth.passkeys
        set sign_count = $2, is_backed_up = $3, last_used_at = $4
        where id = $1 and (sign_count < $2 or sign_count = 0)
        "#,
        id.0,
        i64::from(used.sign_count),
        used.is_backed_up,
        now,
    )
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// By what authenticators know a person: `fresh`, unless they have a handle already.
pub async fn handle(conn: &mut PgConnection, person: PersonId, fresh: &[u8; HANDLE]) -> Result<Vec<u8>> {
    let handle = sqlx::query_scalar!(
        r#"
        insert into auth.passkey_users as standing (person_id, user_handle)
        values ($1, $2)
        on conflict (person_id) do update set user_handle = standing.user_handle
        returning user_handle
        "#,
        person.0,
        fresh.as_slice(),
    )
    .fetch_one(conn)
    .await?;
    Ok(handle)
}

/// The same for who has one.
pub async fn handle_of(conn: &mut PgConnection, person: PersonId) -> Result<Option<Vec<u8>>> {
    let handle = sqlx::query_scalar!("select user_handle from auth.passkey_users where person_id = $1", person.0);
    Ok(handle.fetch_optional(conn).await?)
}

/// Keeps a new passkey.
///
/// # Errors
/// 409 `passkey_exists`.
pub async fn insert(
    conn: &mut PgConnection,
    person: PersonId,
    name: &PasskeyName,
    new: &NewPasskey,
    now: OffsetDateTime,
) -> Result<PasskeyId> {
    sqlx::query_scalar!(
        r#"
        insert into auth.passkeys
            (person_id, name, credential_id, verifier, transports, sign_count, is_backup_eligible, is_backed_up, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        returning id as "id: PasskeyId"
        "#,
        person.0,
        name.as_str(),
        new.credential_id,
        new.verifier,
        i16::from(new.transports),
        i64::from(new.sign_count),
        new.is_backup_eligible,
        new.is_backed_up,
        now,
    )
    .fetch_one(conn)
    .await
    .on_constraint("passkeys_credential_id_key", passkey::exists())
}

/// Somebody's passkeys, the oldest first.
pub async fn list(conn: &mut PgConnection, person: PersonId) -> Result<Vec<Passkey>> {
    let rows = sqlx::query!(
        r#"
        select id as "id: PasskeyId", name, credential_id, is_backup_eligible, is_backed_up, created_at, last_used_at
        from auth.passkeys
        where person_id = $1
        order by id
        "#,
        person.0,
    )
    .fetch_all(conn)
    .await?;
    let passkeys = rows.into_iter().map(|row| Passkey {
        id: row.id,
        name: row.name,
        credential_id: Base64UrlUnpadded::encode_string(&row.credential_id),
        backup_eligible: row.is_backup_eligible,
        backed_up: row.is_backed_up,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    });
    Ok(passkeys.collect())
}

/// What authenticators that have one already are known by.
pub async fn known(conn: &mut PgConnection, person: PersonId) -> Result<Vec<(Vec<u8>, u8)>> {
    let rows = sqlx::query!("select credential_id, transports from auth.passkeys where person_id = $1", person.0);
    let rows = rows.fetch_all(conn).await?.into_iter();
    rows.map(|row| Ok((row.credential_id, u8::try_from(row.transports).map_err(anyhow::Error::from)?))).collect()
}

/// How many somebody has.
pub async fn count(conn: &mut PgConnection, person: PersonId) -> Result<i64> {
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from auth.passkeys where person_id = $1"#, person.0);
    Ok(count.fetch_one(conn).await?)
}

/// What somebody has to sign in with, besides a password.
pub async fn ways_in(conn: &mut PgConnection, person: PersonId) -> Result<WaysIn> {
    let ways = sqlx::query_as!(
        WaysIn,
        r#"
        select (select count(*) from auth.passkeys k where k.person_id = p.id) as "passkeys!",
               exists (select from auth.recovery_codes c where c.person_id = p.id) as "has_codes!",
               p.email_verified_at is not null as "has_address!"
        from auth.person p
        where p.id = $1
        "#,
        person.0,
    );
    Ok(ways.fetch_optional(conn).await?.unwrap_or_default())
}

/// Calls a passkey something else; answers what it was called.
///
/// # Errors
/// 404 `passkey_not_found`.
pub async fn rename(conn: &mut PgConnection, person: PersonId, id: PasskeyId, name: &PasskeyName) -> Result<String> {
    let before = sqlx::query_scalar!(
        r#"
        update auth.passkeys k
        set name = $3
        from (select id, name from auth.passkeys where id = $2 and person_id = $1 for no key update) was
        where k.id = was.id
        returning was.name
        "#,
        person.0,
        id.0,
        name.as_str(),
    );
    before.fetch_optional(conn).await?.ok_or_else(PasskeyId::not_found)
}

/// Deletes a passkey; answers what it was called.
///
/// # Errors
/// 404 `passkey_not_found`.
pub async fn delete(conn: &mut PgConnection, person: PersonId, id: PasskeyId) -> Result<String> {
    let deleted = sqlx::query_scalar!(
        "delete from auth.passkeys where id = $2 and person_id = $1 returning name",
        person.0,
        id.0,
    );
    deleted.fetch_optional(conn).await?.ok_or_else(PasskeyId::not_found)
}
