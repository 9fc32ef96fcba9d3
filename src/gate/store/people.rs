//! People, looked up and locked.

use sqlx::PgConnection;

use crate::base::error::Result;
use crate::base::id::{PersonId, Ref};
use crate::base::person::{Person, id_in, person_not_found};

/// The person whom a caller named by id, by username or as `person-<id>`.
pub async fn find(conn: &mut PgConnection, person: &Ref<PersonId>) -> Result<Option<Person>> {
    let (id, name) = person.key();
    let id = id.or_else(|| id_in(name?));
    let found = sqlx::query_as!(
        Person,
        r#"
        select id as "id: PersonId", username, name
        from auth.person
        where (id = $1 or username = $2) and removed_at is null
        "#,
        id.map(|id| id.0),
        name,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found)
}

/// Keeps a person as they are, also in what they hold, until this transaction ends.
pub async fn hold(conn: &mut PgConnection, id: PersonId) -> Result<()> {
    sqlx::query_scalar!("select id from auth.person where id = $1 for share", id.0).fetch_optional(conn).await?;
    Ok(())
}

/// Keeps a person from any change by others, also of what they hold, until this transaction ends.
pub async fn lock(conn: &mut PgConnection, id: PersonId) -> Result<()> {
    sqlx::query_scalar!("select id from auth.person where id = $1 for no key update", id.0)
        .fetch_optional(conn)
        .await?;
    Ok(())
}

/// Keeps people from any change by others, also of what they hold, until this transaction ends: one after the other,
/// by id.
pub async fn lock_all(conn: &mut PgConnection, people: &[PersonId]) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    sqlx::query_scalar!(
        "select id from auth.person where id = any ($1) order by id for no key update",
        &people.iter().map(|person| person.0).collect::<Vec<_>>(),
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

/// Refuses (404 `person_not_found`) somebody who was removed. Under [`hold`] or [`lock`] that stays so.
pub async fn must_be_here(conn: &mut PgConnection, id: PersonId) -> Result<()> {
    hold(&mut *conn, id).await?;
    sqlx::query_scalar!("select id from auth.person where id = $1 and removed_at is null", id.0)
        .fetch_optional(conn)
        .await?
        .map(|_| ())
        .ok_or_else(person_not_found)
}
