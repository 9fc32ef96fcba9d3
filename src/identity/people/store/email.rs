//! Where people can be reached.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::email::Email;
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{Id, PersonId};

/// 409 `email_taken`.
pub fn email_taken() -> Error {
    Error::conflict("email_taken", "another person has that e-mail address")
}

/// A person's address.
pub async fn email(conn: &mut PgConnection, id: PersonId) -> Result<Option<Email>> {
    let email = sqlx::query_scalar!("select email from auth.person where id = $1", id.0).fetch_optional(conn).await?;
    Ok(email.flatten().as_deref().map(Email::stored))
}

/// The address that somebody else gave them, until they have proved it from a session of their own.
pub async fn unproved_email(conn: &mut PgConnection, id: PersonId) -> Result<Option<Email>> {
    let email = sqlx::query_scalar!(
        r#"
        select email as "email!"
        from auth.person
        where id = $1 and email is not null and (email_verified_at is null or email_given_by is not null)
        "#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(email.as_deref().map(Email::stored))
}

/// Gives somebody the address that they have proved to be theirs. The unique index, not a prior read, decides whether it
/// is anybody else's.
pub async fn set_own_email(conn: &mut PgConnection, id: PersonId, email: &Email, now: OffsetDateTime) -> Result<()> {
    let updated = sqlx::query!(
        r#"
        update auth.person
        set email = $2, email_verified_at = $3, email_given_by = null, updated_at = now()
        where id = $1 and removed_at is null and client_id is null
        "#,
        id.0,
        email.as_str(),
        now,
    )
    .execute(conn)
    .await
    .on_constraint("person_email_key", email_taken())?;
    if updated.rows_affected() == 0 { Err(PersonId::not_found()) } else { Ok(()) }
}

/// Writes domains in the one way that [`Email`] has it, where they were taken under older rules; answers how many it wrote.
/// Of two that so become one each stays whose it is.
pub async fn write_domains_in_one_way(conn: &mut PgConnection) -> Result<u64> {
    let stored = sqlx::query!(
        r#"
        select id as "id: PersonId", email as "email!"
        from auth.person
        where removed_at is null
          and (octet_length(email) <> char_length(email) or position('xn--' in lower(email collate "C")) > 0)
        order by id
        "#
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut written = 0;
    for row in stored {
        let Ok(email) = row.email.parse::<Email>() else { continue };
        if email.as_str() == row.email {
            continue;
        }
        sqlx::query!(
            r#"
            update auth.person
            set email = $2,
                email_twin = case when exists (
                    select
                    from auth.person other
                    where auth.fold_address(other.email) = $3
                      and other.email is not null and other.removed_at is null and other.id <> $1
                ) then $1 else 0 end
            where id = $1
            "#,
            row.id.0,
            email.as_str(),
            email.key(),
        )
        .execute(&mut *conn)
        .await?;
        written += 1;
    }
    Ok(written)
}

/// Somebody has read a mail to their address: it is theirs.
pub async fn note_proof(conn: &mut PgConnection, id: PersonId, email: &Email, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.person
        set email_verified_at = $3
        where id = $1 and auth.fold_address(email) = auth.fold_address($2) and email_verified_at is null
        "#,
        id.0,
        email.as_str(),
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}
