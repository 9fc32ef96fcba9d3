//! Who holds a role in a service.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::Holder;
use crate::base::error::Result;
use crate::base::id::{PersonId, RoleId, ServiceId};
use crate::identity::people;
use crate::platform::http::{Page, Part, Total};

/// One page of the people who hold a role in a service at `now`. That of direct grants ends with the last of them.
pub async fn holders(
    conn: &mut PgConnection,
    service: ServiceId,
    role: RoleId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<Holder>> {
    let direct = direct(conn, role, now).await?;
    if direct.as_ref().is_some_and(|direct| direct.permissions == 0) {
        page.total().note(0);
        return Ok(Vec::new());
    }
    let mut holders = of_role(conn, service, role, page, now).await?;
    if let Some(direct) = direct {
        for holder in &mut holders {
            holder.expires_at = direct.ends_at;
        }
    }
    Ok(holders)
}

struct Direct {
    permissions: i64,
    ends_at: Option<OffsetDateTime>,
}

/// What a role carries if it is that of direct grants, and when the last of it ends.
async fn direct(conn: &mut PgConnection, role: RoleId, now: OffsetDateTime) -> Result<Option<Direct>> {
    let direct = sqlx::query_as!(
        Direct,
        r#"
        select count(rp.role_id) as "permissions!",
               case when count(rp.role_id) = count(rp.expires_at) then max(rp.expires_at) end as ends_at
        from auth.role r
        left join auth.role_permission rp on rp.role_id = r.id and (rp.expires_at is null or rp.expires_at > $2)
        where r.id = $1 and r.direct_person_id is not null
        group by r.id
        "#,
        role.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(direct)
}

async fn of_role(
    conn: &mut PgConnection,
    service: ServiceId,
    role: RoleId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<Holder>> {
    if let Some(few) = people::store::few_with(conn, page.prefix()).await? {
        return of_role_among(conn, service, role, &few, page, now).await;
    }
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Holder,
            r#"
            select p.id as "id: PersonId", p.username, p.name, psr.expires_at
            from auth.person_service_role psr
            join auth.person p on p.id = psr.person_id
            where psr.service_id = $1
              and psr.role_id = $2
              and psr.person_id > $3
              and (psr.expires_at is null or psr.expires_at > $6)
              and ($4::text is null or auth.fold(p.username) ^@ $4 or auth.fold(p.name) ^@ $4)
            order by psr.person_id
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
async fn of_role_among(
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
                select psr.person_id, psr.expires_at
                from auth.person_service_role psr
                where psr.service_id = $1
                  and psr.role_id = $2
                  and psr.person_id = few.id
                  and (psr.expires_at is null or psr.expires_at > $6)
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
