//! What tells one state of a person from another.

use sqlx::PgConnection;

use crate::base::error::Result;
use crate::base::id::{Id, PersonId};
use crate::base::person::Person;
use crate::platform::http::{ETag, Tagged};

/// The person with this id, and the tag of their state: of all that is kept but when they log in.
pub async fn tagged(conn: &mut PgConnection, id: PersonId) -> Result<Tagged<Person>> {
    let row = sqlx::query!(
        r#"
        select username, name, person_type::text, document_type::text, document_number, updated_at
        from auth.person
        where id = $1 and removed_at is null and client_id is null
        "#,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(PersonId::not_found)?;
    let document = (&row.person_type, &row.document_type, &row.document_number);
    // The time alone tells most: of a new password, of being barred.
    let etag = ETag::of(&(&row.username, &row.name, document, row.updated_at))?;
    Ok(Tagged { etag, shown: Person { id, username: row.username, name: row.name } })
}
