//! A person's own password.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::opaque::mail_token::Purpose;
use crate::platform::passwords::PasswordHash;

/// What is stored of it, if they have one; `None` where they are not there.
pub async fn password_hash(conn: &mut PgConnection, id: PersonId) -> Result<Option<Option<PasswordHash>>> {
    let hash = sqlx::query_scalar!(
        r#"
        select password_hash as "hash: PasswordHash"
        from auth.person
        where id = $1 and removed_at is null and client_id is null
        "#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(hash)
}

/// Whether somebody has turned their password off.
pub async fn is_password_off(conn: &mut PgConnection, id: PersonId) -> Result<bool> {
    let is_off =
        sqlx::query_scalar!(r#"select password_off_at is not null as "is_off!" from auth.person where id = $1"#, id.0);
    Ok(is_off.fetch_optional(conn).await?.unwrap_or_default())
}

/// Turns somebody's password off: none opens their account. Answers `false` where it was off already.
pub async fn turn_password_off(conn: &mut PgConnection, id: PersonId, now: OffsetDateTime) -> Result<bool> {
    let turned = sqlx::query!(
        r#"
        with void as (
            delete from auth.mail_tokens where person_id = $1 and purpose = $3
        )
        update auth.person
        set password_hash = null, password_set_by = null, password_off_at = $2, updated_at = now()
        where id = $1 and password_off_at is null and removed_at is null and client_id is null
        "#,
        id.0,
        now,
        Purpose::PasswordReset.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(turned.rows_affected() == 1)
}

/// Replaces somebody's password by one that `giver` knows, too: the one behind `old`, where that is given. Answers `false`
/// where nobody is there, or has the old one any more.
pub async fn replace_password(
    conn: &mut PgConnection,
    id: PersonId,
    old: Option<&PasswordHash>,
    new: &PasswordHash,
    giver: Option<PersonId>,
) -> Result<bool> {
    let replaced = sqlx::query!(
        r#"
        update auth.person
        set password_hash = $3, password_set_by = $4, updated_at = now()
        where id = $1 and ($2::text is null or password_hash = $2) and removed_at is null and client_id is null
        "#,
        id.0,
        old.map(PasswordHash::as_str),
        new.as_str(),
        giver.map(|giver| giver.0),
    )
    .execute(conn)
    .await?;
    Ok(replaced.rows_affected() == 1)
}
