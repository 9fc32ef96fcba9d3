//! Robots in the table `auth.person`: who has an owner.

use sqlx::PgConnection;

use super::Robot;
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::platform::http::{Page, Total};

/// 404 `robot_not_found`.
pub fn not_found() -> Error {
    Error::not_found("robot_not_found", "no robot has that id")
}

/// A robot.
///
/// # Errors
/// 404 `robot_not_found`.
pub async fn get(conn: &mut PgConnection, id: PersonId) -> Result<Robot> {
    listed(conn, Some(id), None, &Page::first(None)).await?.pop().ok_or_else(not_found)
}

/// One page of robots: those of `owner`, or all.
pub async fn list(conn: &mut PgConnection, owner: Option<PersonId>, page: &Page) -> Result<Vec<Robot>> {
    listed(conn, None, owner, page).await
}

async fn listed(
    conn: &mut PgConnection,
    id: Option<PersonId>,
    owner: Option<PersonId>,
    page: &Page,
) -> Result<Vec<Robot>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Robot,
            r#"
            select r.id as "id: PersonId", r.username, r.name, r.owner_id as "owner_id!: PersonId",
                   (select o.username from auth.person o where o.id = r.owner_id) as "owner_username!",
                   r.disabled_at, r.created_at
            from auth.person r
            where r.owner_id is not null
              and r.removed_at is null
              and ($1::integer is null or r.id = $1)
              and ($2::integer is null or r.owner_id = $2)
              and r.id > $3
              and ($4::text is null or auth.fold(r.username) ^@ $4 or auth.fold(r.name) ^@ $4)
            order by r.id
            limit $5
            "#,
            id.map(|id| id.0),
            owner.map(|owner| owner.0),
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
        )
    })
    .await
}

/// Makes somebody who has no way to log in a robot of `owner`, or gives a robot to them.
pub async fn set_owner(conn: &mut PgConnection, robot: PersonId, owner: PersonId) -> Result<()> {
    sqlx::query!("update auth.person set owner_id = $2, updated_at = now() where id = $1", robot.0, owner.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Refuses (409 `not_an_owner`) whoever can't own a robot: a robot, a client, somebody who is disabled or removed.
pub async fn must_be_able_to_own(conn: &mut PgConnection, person: PersonId) -> Result<()> {
    let can = sqlx::query_scalar!(
        r#"
        select exists (
            select
            from auth.person
            where id = $1 and removed_at is null and disabled_at is null and client_id is null and owner_id is null
        ) as "can!"
        "#,
        person.0,
    );
    if can.fetch_one(conn).await? {
        return Ok(());
    }
    let detail = "`owner`: a robot is owned by a person who is not disabled";
    Err(Error::conflict("not_an_owner", detail))
}
