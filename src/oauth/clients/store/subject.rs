use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{ClientId, PersonId};
use crate::base::person::username_of_client;

/// Makes a client a subject, or makes it the one again that it was: it holds nothing yet.
///
/// # Errors
/// 409 `user_exists` where a person of old has the username.
pub async fn begin_subject(
    conn: &mut PgConnection,
    client: ClientId,
    (client_id, name): (&str, &str),
    now: OffsetDateTime,
) -> Result<PersonId> {
    let username = username_of_client(client_id);
    let taken = || {
        let detail =
            format!("a person has the username `{username}`: give them another one, or choose another client_id");
        Error::conflict("user_exists", detail)
    };
    let subject = sqlx::query_scalar!(
        r#"
        insert into auth.person (username, name, client_id, created_at, updated_at)
        values ($1, $2, $3, $4, $4)
        on conflict on constraint person_client_key do update
        set name = excluded.name, removed_at = null, disabled_at = null, updated_at = excluded.updated_at
        returning id as "id: PersonId"
        "#,
        username,
        name,
        client.0,
        now,
    )
    .fetch_one(conn)
    .await
    .on_constraint("person_username_key", taken())
    .on_constraint("person_username_folded_key", taken())?;
    Ok(subject)
}

/// The client acts for itself no longer: triggers end what it held and its tokens.
pub async fn end_subject(conn: &mut PgConnection, client: ClientId, now: OffsetDateTime) -> Result<()> {
    sqlx::query!(
        "update auth.person set removed_at = $2, updated_at = $2 where client_id = $1 and removed_at is null",
        client.0,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// It is called as the client is.
pub async fn rename_subject(conn: &mut PgConnection, client: ClientId, name: &str) -> Result<()> {
    sqlx::query!(
        "update auth.person set name = $2, updated_at = now() where client_id = $1 and removed_at is null and name <> $2",
        client.0,
        name,
    )
    .execute(conn)
    .await?;
    Ok(())
}
