//! A person's own password.

use sqlx::PgConnection;

use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::platform::passwords::PasswordHash;

/// What is stored of it, if they have one; `None` where they are not there.
pub async fn password_hash(conn: &mut PgConnection, id: PersonId) -> Result<Option<Option<PasswordHash>>> {
    let hash = sqlx::query_scalar!(
        r#"select password_hash as "hash: PasswordHash" from auth.person where id = $1 and removed_at is null"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(hash)
}

/// Replaces the password behind `old` by another of the person's own choice; `false` when it was changed meanwhile.
pub async fn replace_password(
    conn: &mut PgConnection,
    id: PersonId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<bool> {
    let replaced = sqlx::query!(
        r#"
        update auth.person
        set password_hash = $3, password_set_by = null, updated_at = now()
        where id = $1 and password_hash = $2 and removed_at is null
        "#,
        id.0,
        old.as_str(),
        new.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(replaced.rows_affected() == 1)
}
