use sqlx::PgConnection;
use sqlx::types::Json;

use crate::base::error::Result;
use crate::base::id::{Id, PersonId};
use crate::identity::people::StandardClaims;

/// What is said of a person by the standard claims.
pub async fn claims(conn: &mut PgConnection, id: PersonId) -> Result<StandardClaims> {
    let claims = sqlx::query_scalar!(
        r#"
        select claims as "claims: Json<StandardClaims>"
        from auth.person
        where id = $1 and removed_at is null and client_id is null
        "#,
        id.0,
    );
    Ok(claims.fetch_optional(conn).await?.ok_or_else(PersonId::not_found)?.0)
}

/// Writes what is said of a person. Nobody else may change them meanwhile.
pub async fn set_claims(conn: &mut PgConnection, id: PersonId, claims: &StandardClaims) -> Result<()> {
    sqlx::query!(
        "update auth.person set claims = $2, updated_at = now() where id = $1 and client_id is null",
        id.0,
        Json(claims) as Json<&StandardClaims>,
    )
    .execute(conn)
    .await?;
    Ok(())
}
