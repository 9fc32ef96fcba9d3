//! The table `auth.person`, as claims are read from it.

use sqlx::PgConnection;
use sqlx::types::Json;

use super::Profile;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::identity::people::StandardClaims;

/// Somebody who may log in.
pub async fn find(conn: &mut PgConnection, person: PersonId) -> Result<Option<Profile>> {
    let profile = sqlx::query_as!(
        Profile,
        r#"
        select name, username, updated_at, email, email_verified_at is not null as "email_verified!",
               locale as language, claims as "claims: Json<StandardClaims>"
        from auth.person
        where id = $1 and removed_at is null and disabled_at is null
        "#,
        person.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(profile)
}
