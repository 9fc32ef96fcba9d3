//! Many people in one statement.

use std::collections::HashMap;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::Record;
use crate::base::attributes::Attributes;
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::identity::people::{DocumentType, PersonType, StandardClaims};

/// Refuses (404 `person_not_found`, which names the first) people one of whom is not there. Of those who are locked that
/// stays so.
pub async fn must_all_be_here(conn: &mut PgConnection, people: &[PersonId]) -> Result<()> {
    let missing = sqlx::query_scalar!(
        r#"
        select asked.id as "id!"
        from unnest($1::int[]) as asked (id)
        where not exists (select from auth.person p where p.id = asked.id and p.removed_at is null)
        order by asked.id
        limit 1
        "#,
        &numbers(people),
    )
    .fetch_optional(conn)
    .await?;
    missing
        .map_or(Ok(()), |id| Err(Error::not_found("person_not_found", format!("there is no person with the id {id}"))))
}

/// People as they are now, for the audit trail, by id; who was removed is not among them.
pub async fn records(conn: &mut PgConnection, people: &[PersonId]) -> Result<Vec<(PersonId, Record)>> {
    let rows = sqlx::query!(
        r#"
        select id as "id: PersonId", username, name, person_type as "person_type: PersonType",
               document_type as "document_type: DocumentType", document_number, email, locale,
               claims as "claims: Json<StandardClaims>", attributes as "attributes: Json<Attributes>"
        from auth.person
        where id = any ($1) and removed_at is null and client_id is null
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
            claims: row.claims,
            attributes: row.attributes,
        };
        (row.id, record)
    });
    Ok(records.collect())
}

/// The names of the groups that each of these people was added to, as it stands at `now`.
pub async fn groups_of_each(
    conn: &mut PgConnection,
    people: &[PersonId],
    now: OffsetDateTime,
) -> Result<HashMap<PersonId, Vec<String>>> {
    let rows = sqlx::query!(
        r#"
        select m.person_id as "person: PersonId", g.name
        from auth.group_members m
        join auth.groups g on g.id = m.group_id
        where m.person_id = any ($1) and auth.lasts(m.expires_at, $2)
        order by m.person_id, g.id
        "#,
        &numbers(people),
        now,
    )
    .fetch_all(conn)
    .await?;
    let mut groups: HashMap<PersonId, Vec<String>> = HashMap::new();
    for row in rows {
        groups.entry(row.person).or_default().push(row.name);
    }
    Ok(groups)
}

/// Takes people out of every answer; answers how many that were. The triggers `person_follow` and `person_end` end sessions
/// and grants.
pub async fn remove_all(conn: &mut PgConnection, people: &[PersonId]) -> Result<u64> {
    let removed = sqlx::query!(
        r#"
        update auth.person
        set removed_at = now(), updated_at = now()
        where id = any ($1) and removed_at is null and client_id is null
        "#,
        &numbers(people),
    )
    .execute(conn)
    .await?;
    Ok(removed.rows_affected())
}

fn numbers(people: &[PersonId]) -> Vec<i32> {
    people.iter().map(|person| person.0).collect()
}
