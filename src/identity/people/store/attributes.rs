//! Attributes of people.

use sqlx::PgConnection;
use sqlx::types::Json;

use crate::base::attributes::{Attributes, TOO_LARGE};
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{Id, PersonId};

/// The constraint that says how large they may be.
pub(super) const SIZE: &str = "person_attributes_size";

/// 400: they are larger.
pub(super) fn too_large() -> Error {
    Error::invalid_field("attributes", TOO_LARGE)
}

/// Those of a person.
pub async fn attributes(conn: &mut PgConnection, id: PersonId) -> Result<Attributes> {
    let attributes = sqlx::query_scalar!(
        r#"
        select attributes as "attributes: Json<Attributes>"
        from auth.person
        where id = $1 and removed_at is null and client_id is null
        "#,
        id.0,
    );
    Ok(attributes.fetch_optional(conn).await?.ok_or_else(PersonId::not_found)?.0)
}

/// Writes those of a person. Nobody else may change them meanwhile.
///
/// # Errors
/// 400 where they are too large.
pub async fn set_attributes(conn: &mut PgConnection, id: PersonId, attributes: &Attributes) -> Result<()> {
    sqlx::query!(
        "update auth.person set attributes = $2, updated_at = now() where id = $1 and client_id is null",
        id.0,
        Json(attributes) as Json<&Attributes>,
    )
    .execute(conn)
    .await
    .on_constraint(SIZE, too_large())?;
    Ok(())
}

/// The names of all that anybody has, in order of their bytes, `most` of them at most.
pub async fn attribute_names(conn: &mut PgConnection, most: i64) -> Result<Vec<String>> {
    let names = sqlx::query_scalar!(
        r#"
        select distinct names.name as "name!"
        from auth.person
        cross join lateral jsonb_object_keys(attributes) as names (name)
        where removed_at is null and attributes <> '{}'
        limit $1
        "#,
        most,
    );
    let mut names = names.fetch_all(conn).await?;
    names.sort_unstable();
    Ok(names)
}
