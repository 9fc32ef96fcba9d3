//! Who holds a role in a service.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::Holder;
use crate::base::error::Result;
use crate::base::id::{PersonId, RoleId, ServiceId};
use crate::identity::people;
use crate::platform::http::{Page, Total};

/// One page of the people who hold a role in a service at `now`. That of direct grants ends with the last of them.
pub async fn holders(
    conn: &mut PgConnection,
    service: ServiceId,
    role: RoleId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<Holder>> {
    if let Some(few) = people::store::few_with(conn, page.prefix()).await? {
        return among(conn, service, role, &few, page, now).await;
    }
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Holder,
            r#"
            select p.id as "id: PersonId", p.username, p.name, held.expires_at
            from auth.roles_at($6) held
            join auth.person p on p.id = held.person_id
            where held.service_id = $1
              and held.role_id = $2
              and held.person_id > $3
              and ($4::text is null or auth.fold(p.username) ^@ $4 or auth.fold(p.name) ^@ $4)
            order by held.person_id
            limit $5
            "#,
            service.0,
            role.0,
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
            now,
        )
    })
    .await
}

/// Likewise, of these people alone: each is looked up, however many others hold the role.
async fn among(
    conn: &mut PgConnection,
    service: ServiceId,
    role: RoleId,
    people: &[i32],
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<Holder>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Holder,
            r#"
            select p.id as "id: PersonId", p.username, p.name, holder.expires_at
            from unnest($3::int[]) few (id)
            cross join lateral (
                select held.person_id, held.expires_at
                from auth.roles_at($6) held
                where held.service_id = $1 and held.role_id = $2 and held.person_id = few.id
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
            now,
        )
    })
    .await
}
