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
            select p.id as "id: PersonId", p.username, p.name,
                   case when count(*) = count(held.expires_at) then max(held.expires_at) end as expires_at
            from (
                (
                    select given.person_id, given.expires_at
                    from auth.roles_given_at($6) given
                    join auth.person p on p.id = given.person_id
                    where given.service_id = $1
                      and given.role_id = $2
                      and given.person_id > $3
                      and ($4::text is null or auth.fold(p.username) ^@ $4 or auth.fold(p.name) ^@ $4)
                    order by given.person_id
                    limit $5
                )
                union all
                (
                    select given.person_id,
                           case when count(*) = count(given.expires_at) then max(given.expires_at) end
                    from auth.roles_by_groups_at($6) given
                    join auth.person p on p.id = given.person_id
                    where given.service_id = $1
                      and given.role_id = $2
                      and given.person_id > $3
                      and ($4::text is null or auth.fold(p.username) ^@ $4 or auth.fold(p.name) ^@ $4)
                    group by given.person_id
                    order by given.person_id
                    limit $5
                )
            ) held
            join auth.person p on p.id = held.person_id
            group by p.id
            order by p.id
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
                select count(*) as ways,
                       case when count(*) = count(held.expires_at) then max(held.expires_at) end as expires_at
                from auth.roles_at($6) held
                where held.service_id = $1 and held.role_id = $2 and held.person_id = few.id
            ) holder
            join auth.person p on p.id = few.id
            where few.id > $4 and holder.ways > 0
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
