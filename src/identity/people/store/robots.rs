//! What people are asked of the robots that they own: a robot has an owner and no way to log in.

use sqlx::PgConnection;

use crate::base::error::{Error, Result};
use crate::base::id::PersonId;

/// The constraint by which it is so.
pub const NO_LOGIN: &str = "person_robot_has_no_login";

/// 409 `robot_has_no_login`.
pub fn has_no_login() -> Error {
    let detail = "a robot has no password and no address: it acts by API keys (POST /robots/{id}/keys)";
    Error::conflict("robot_has_no_login", detail)
}

/// The robots of these people that are not disabled yet, locked.
pub async fn robots_of(conn: &mut PgConnection, owners: &[PersonId]) -> Result<Vec<PersonId>> {
    let owners: Vec<i32> = owners.iter().map(|owner| owner.0).collect();
    let robots = sqlx::query_scalar!(
        r#"
        select id as "id: PersonId"
        from auth.person
        where owner_id = any ($1) and removed_at is null and disabled_at is null
        order by id
        for no key update
        "#,
        &owners,
    );
    Ok(robots.fetch_all(conn).await?)
}

/// Refuses (409 `owner_disabled`) a robot whose owner is disabled or removed. Of people it says nothing.
pub async fn must_have_an_owner_who_is_here(conn: &mut PgConnection, person: PersonId) -> Result<()> {
    let lacks = sqlx::query_scalar!(
        r#"
        select exists (
            select
            from auth.person
            where id = (select owner_id from auth.person where id = $1)
              and (removed_at is not null or disabled_at is not null)
        ) as "lacks!"
        "#,
        person.0,
    );
    if !lacks.fetch_one(conn).await? {
        return Ok(());
    }
    let detail = "the owner of this robot is disabled or removed: pass it on first (PATCH /robots/{id})";
    Err(Error::conflict("owner_disabled", detail))
}
