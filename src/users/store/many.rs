//! Many people in one statement.

use sqlx::PgConnection;

use super::Record;
use crate::error::Result;
use crate::users::{DocumentType, PersonId, PersonType};

/// Keeps people from any change by others, also of what they hold, until this transaction ends: one after the other,
/// by id.
pub async fn lock_many(conn: &mut PgConnection, people: &[PersonId]) -> Result<()> {
    sqlx::query_scalar!(
        "select id from auth.person where id = any ($1) order by id for no key update",
        &numbers(people),
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

/// People as they are now, for the audit trail, by id; who was removed is not among them.
pub async fn records(conn: &mut PgConnection, people: &[PersonId]) -> Result<Vec<(PersonId, Record)>> {
    let rows = sqlx::query!(
        r#"
        select id as "id: PersonId", username, name, person_type as "person_type: PersonType",
               document_type as "document_type: DocumentType", document_number, email, locale
        from auth.person
        where id = any ($1) and removed_at is null
        order by id
        "#,
        &numbers(people),
    )
    .fetch_all(conn)
    .await?;
    let records = rows.into_iter().map(|row| {
        let record = Record {
            username: row.username,
            name: row.name,
            person_type: row.person_type,
            document_type: row.document_type,
            document_number: row.document_number,
            email: row.email,
            locale: row.locale,
        };
        (row.id, record)
    });
    Ok(records.collect())
}

/// Takes people out of every answer, as [`super::remove`] does one; answers how many that were.
pub async fn remove_all(conn: &mut PgConnection, people: &[PersonId]) -> Result<u64> {
    let removed = sqlx::query!(
        "update auth.person set removed_at = now(), updated_at = now() where id = any ($1) and removed_at is null",
        &numbers(people),
    )
    .execute(conn)
    .await?;
    Ok(removed.rows_affected())
}

fn numbers(people: &[PersonId]) -> Vec<i32> {
    people.iter().map(|person| person.0).collect()
}
