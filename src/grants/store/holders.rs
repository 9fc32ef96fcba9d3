//! Who holds a role in a service.

use sqlx::PgConnection;

use crate::error::Result;
use crate::http::Page;
use crate::roles::RoleId;
use crate::services::ServiceId;
use crate::users::{self, Person, PersonId};

/// One page of the people who hold a role in a service.
pub async fn holders(conn: &mut PgConnection, service: ServiceId, role: RoleId, page: &Page) -> Result<Vec<Person>> {
    if let Some(few) = users::store::few_with(conn, page.prefix()).await? {
        return holders_among(conn, service, role, &few, page).await;
    }
    let rows = sqlx::query_as!(
        Person,
        r#"
        select p.id as "id: PersonId", p.username, p.name
        from auth.person_service_role psr
        join auth.person p on p.id = psr.person_id
        where psr.service_id = $1
          and psr.role_id = $2
          and psr.person_id > $3
          and ($4::text is null or lower(p.username) ^@ lower($4) or lower(p.name) ^@ lower($4))
        order by psr.person_id
        limit $5
        "#,
        service.0,
        role.0,
        page.after(i32::MIN),
        page.prefix(),
        page.fetch(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// Likewise, of these people alone: each is looked up, however many others hold the role.
async fn holders_among(
    conn: &mut PgConnection,
    service: ServiceId,
    role: RoleId,
    people: &[i32],
    page: &Page,
) -> Result<Vec<Person>> {
    let rows = sqlx::query_as!(
        Person,
        r#"
        select p.id as "id: PersonId", p.username, p.name
        from unnest($3::int[]) few (id)
        cross join lateral (
            select psr.person_id
            from auth.person_service_role psr
            where psr.service_id = $1 and psr.role_id = $2 and psr.person_id = few.id
            -- At most one, which tells Postgres to do just that.
            limit 1
        ) holder
        join auth.person p on p.id = holder.person_id
        where few.id > $4
        order by p.id
        limit $5
        "#,
        service.0,
        role.0,
        people,
        page.after(i32::MIN),
        page.fetch(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
