//! Who holds what, and where, in pages.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::{HeldRole, NamedGrant};
use crate::access::roles::Role;
use crate::access::services::Service;
use crate::base::error::Result;
use crate::base::id::{GroupId, PersonId, RoleId, ServiceId};
use crate::platform::http::{Page, Total};

/// One page of the roles that a service offers, those of direct grants left out.
pub async fn offered(conn: &mut PgConnection, service: ServiceId, page: &Page) -> Result<Vec<Role>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Role,
            r#"
            select r.id as "id: RoleId", r.name, r.description
            from auth.service_roles sr
            join auth.role r on r.id = sr.role_id
            where sr.service_id = $1
              and r.id > $2
              and r.direct_person_id is null
              and ($3::text is null or auth.fold(r.name) ^@ $3)
            order by r.id
            limit $4
            "#,
            service.0,
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
        )
    })
    .await
}

/// One page of the roles that a person holds in a service at `now`. That of direct grants ends with the last of them.
pub async fn held(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<HeldRole>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            HeldRole,
            r#"
            select held.role_id as "id!: RoleId", held.role as "name!",
                   case when count(*) = count(held.expires_at) then max(held.expires_at) end as expires_at
            from auth.roles_at($6) held
            where held.person_id = $1
              and held.service_id = $2
              and held.role_id > $3
              and ($4::text is null or auth.fold(held.role) ^@ $4)
            group by held.role_id, held.role
            order by held.role_id
            limit $5
            "#,
            person.0,
            service.0,
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
            now,
        )
    })
    .await
}

/// The last row of a page of grants; without a group, of what was given to the person.
pub type LastGrant = (PersonId, ServiceId, RoleId, Option<GroupId>);

/// One page of who holds what at `now`, and by which group: of one person or of all, in one service or in all, after the last
/// row of the page before.
pub async fn list(
    conn: &mut PgConnection,
    person: Option<PersonId>,
    service: Option<ServiceId>,
    after: Option<LastGrant>,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Vec<NamedGrant>> {
    let rows = sqlx::query_as!(
        NamedGrant,
        r#"
        with held as materialized (
            (
                select *
                from auth.roles_given_at($9) given
                where given.person_id between $1 and $2
                  and ($3::int is null or given.service_id = $3)
                  and (given.person_id, given.service_id, given.role_id) >= ($4, $5, $6)
                  and ((given.person_id, given.service_id, given.role_id) > ($4, $5, $6) or $7 < 0)
                order by given.person_id, given.service_id, given.role_id
                limit $8
            )
            union all
            (
                select *
                from auth.roles_by_groups_at($9) given
                where given.person_id between greatest($1, $4) and $2
                  and ($3::int is null or given.service_id = $3)
                  and (given.person_id, given.service_id, given.role_id, given.group_id) > ($4, $5, $6, $7)
                order by given.person_id, given.service_id, given.role_id, given.group_id
                limit $8
            )
        )
        select held.person_id as "person_id!: PersonId", p.username,
               held.service_id as "service_id!: ServiceId", s.name as service,
               held.role_id as "role_id!: RoleId", held.role as "role!",
               held.direct as "direct!",
               held.group_id as "group_id: GroupId", g.name as "group?",
               array(
                   select pm.name
                   from auth.carried_at($9) rp
                   join auth.permission pm on pm.id = rp.permission_id
                   where rp.role_id = held.role_id
                   order by pm.id
               ) as "permissions!",
               held.expires_at,
               held.reason
        from held
        join auth.person p on p.id = held.person_id
        join auth.services s on s.id = held.service_id
        left join auth.groups g on g.id = held.group_id
        order by held.person_id, held.service_id, held.role_id, held.group_id nulls first
        limit $8
        "#,
        person.map_or(i32::MIN, |id| id.0),
        person.map_or(i32::MAX, |id| id.0),
        service.map(|id| id.0),
        after.map_or(i32::MIN, |(person, ..)| person.0),
        after.map_or(i32::MIN, |(_, service, ..)| service.0),
        after.map_or(i32::MIN, |(_, _, role, _)| role.0),
        after.map_or(-1, |(.., group)| group.map_or(0, |group| group.0)),
        limit,
        now,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// One page of the services in which a person holds a role at `now`, each once, Portero itself left out.
pub async fn services_of(
    conn: &mut PgConnection,
    person: PersonId,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<Service>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Service,
            r#"
            select s.id as "id: ServiceId", s.name, s.description, s.claims
            from (select distinct service_id from auth.roles_at($5) where person_id = $1) held
            join auth.services s on s.id = held.service_id
            where s.removed_at is null
              and s.id > greatest($2, 0)
              and ($3::text is null or auth.fold(s.name) ^@ $3)
            order by s.id
            limit $4
            "#,
            person.0,
            page.after(0),
            page.prefix(),
            page.fetch(),
            now,
        )
    })
    .await
}
