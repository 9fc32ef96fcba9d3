//! The tables `auth.service_roles` and `auth.person_service_role`, and the roles of direct grants.

mod holders;

use sqlx::PgConnection;

use super::Held;
use crate::error::{OnConstraint, Result};
use crate::http::Page;
use crate::id::Id;
use crate::permissions::PermissionId;
use crate::roles::{Role, RoleId};
use crate::services::{self, Service, ServiceId};
use crate::users::{self, PersonId};

pub use holders::holders;

/// Lets a service offer a role; twice is safe. Answers whether it had not offered it.
pub async fn offer(conn: &mut PgConnection, service: ServiceId, role: RoleId) -> Result<bool> {
    services::store::hold(conn, service).await?;
    loop {
        let made = sqlx::query!(
            "insert into auth.service_roles (service_id, role_id) values ($1, $2) on conflict do nothing",
            service.0,
            role.0,
        )
        .execute(&mut *conn)
        .await
        .on_constraint("service_roles_role_fkey", RoleId::not_found())?;
        // Somebody may be taking the one that stands out of the service: then it is for us to make it again.
        let stands = sqlx::query_scalar!(
            "select service_id from auth.service_roles where service_id = $1 and role_id = $2 for key share",
            service.0,
            role.0,
        )
        .fetch_optional(&mut *conn)
        .await?;
        if stands.is_some() {
            return Ok(made.rows_affected() == 1);
        }
    }
}

/// Takes a role out of a service, and from everybody who holds it there; twice is safe. Answers whether it was offered.
pub async fn withdraw(conn: &mut PgConnection, service: ServiceId, role: RoleId) -> Result<bool> {
    let withdrawn =
        sqlx::query!("delete from auth.service_roles where service_id = $1 and role_id = $2", service.0, role.0)
            .execute(conn)
            .await?;
    Ok(withdrawn.rows_affected() == 1)
}

/// Gives a person a role in a service, which offers it from then on; twice is safe. Answers whether they had not held
/// it.
pub async fn grant(conn: &mut PgConnection, person: PersonId, service: ServiceId, role: RoleId) -> Result<bool> {
    users::store::must_be_here(conn, person).await?;
    offer(conn, service, role).await?;
    let granted = sqlx::query!(
        r#"
        insert into auth.person_service_role (person_id, service_id, role_id)
        values ($1, $2, $3)
        on conflict do nothing
        "#,
        person.0,
        service.0,
        role.0,
    )
    .execute(conn)
    .await
    .on_constraint("person_service_role_offer_fkey", RoleId::not_found())?;
    Ok(granted.rows_affected() == 1)
}

/// Takes a role in a service from a person; twice is safe. Answers whether they had held it.
pub async fn revoke(conn: &mut PgConnection, person: PersonId, service: ServiceId, role: RoleId) -> Result<bool> {
    let revoked = sqlx::query!(
        "delete from auth.person_service_role where person_id = $1 and service_id = $2 and role_id = $3",
        person.0,
        service.0,
        role.0,
    )
    .execute(conn)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Gives a person a single permission in a service, through the role `direct:<person>:<service>`; answers that role,
/// and whether it had not carried the permission.
pub async fn grant_direct(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    permission: PermissionId,
) -> Result<(RoleId, bool)> {
    // One at a time for one person: two that make the same role at once would both fail on its name.
    users::store::lock(conn, person).await?;
    users::store::must_be_here(conn, person).await?;
    services::store::hold(conn, service).await?;
    // The no-op update locks the role that is there: a racing revocation of its last permission would delete it.
    let role = sqlx::query_scalar!(
        r#"
        insert into auth.role (name, direct_person_id, direct_service_id)
        values (format('direct:%s:%s', $1::int, $2::int), $1, $2)
        on conflict on constraint role_direct_key do update set name = excluded.name
        returning id as "id: RoleId"
        "#,
        person.0,
        service.0,
    )
    .fetch_one(&mut *conn)
    .await?;
    grant(conn, person, service, role).await?;
    let added = crate::roles::store::add_permission(conn, role, permission).await?;
    Ok((role, added))
}

/// Takes a directly granted permission back; answers the role of the person's direct grants there, if there was one, and
/// whether it had carried the permission. The role goes with its last permission.
pub async fn revoke_direct(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    permission: PermissionId,
) -> Result<(Option<RoleId>, bool)> {
    users::store::lock(&mut *conn, person).await?;
    let role = sqlx::query_scalar!(
        r#"
        select id as "id: RoleId" from auth.role
        where direct_person_id = $1 and direct_service_id = $2
        for update
        "#,
        person.0,
        service.0,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(role) = role else { return Ok((None, false)) };
    let removed = crate::roles::store::remove_permission(conn, role, permission).await?;
    sqlx::query!(
        r#"
        delete from auth.role
        where id = $1 and not exists (select from auth.role_permission where role_id = $1)
        "#,
        role.0,
    )
    .execute(conn)
    .await?;
    Ok((Some(role), removed))
}

/// One page of the roles that a service offers, those of direct grants left out.
pub async fn offered(conn: &mut PgConnection, service: ServiceId, page: &Page) -> Result<Vec<Role>> {
    let rows = sqlx::query_as!(
        Role,
        r#"
        select r.id as "id: RoleId", r.name
        from auth.service_roles sr
        join auth.role r on r.id = sr.role_id
        where sr.service_id = $1
          and r.id > $2
          and r.direct_person_id is null
          and ($3::text is null or lower(r.name) ^@ lower($3))
        order by r.id
        limit $4
        "#,
        service.0,
        page.after(i32::MIN),
        page.prefix(),
        page.fetch(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// One page of the roles that a person holds in a service.
pub async fn held(conn: &mut PgConnection, person: PersonId, service: ServiceId, page: &Page) -> Result<Vec<Role>> {
    let rows = sqlx::query_as!(
        Role,
        r#"
        select r.id as "id: RoleId", r.name
        from auth.person_service_role psr
        join auth.role r on r.id = psr.role_id
        where psr.person_id = $1
          and psr.service_id = $2
          and r.id > $3
          and ($4::text is null or lower(r.name) ^@ lower($4))
        order by r.id
        limit $5
        "#,
        person.0,
        service.0,
        page.after(i32::MIN),
        page.prefix(),
        page.fetch(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// The last row of a page of grants.
pub type LastGrant = (PersonId, ServiceId, RoleId);

/// One page of who holds what: of one person or of all, in one service or in all, after the last row of the page
/// before.
pub async fn list(
    conn: &mut PgConnection,
    person: Option<PersonId>,
    service: Option<ServiceId>,
    after: Option<LastGrant>,
    limit: i64,
) -> Result<Vec<Held>> {
    let rows = sqlx::query_as!(
        Held,
        r#"
        select psr.person_id as "person_id: PersonId", p.username,
               psr.service_id as "service_id: ServiceId", s.name as service,
               psr.role_id as "role_id: RoleId", r.name as role,
               r.direct_person_id is not null as "direct!",
               array(
                   select pm.name
                   from auth.role_permission rp
                   join auth.permission pm on pm.id = rp.permission_id
                   where rp.role_id = psr.role_id
                   order by pm.id
               ) as "permissions!"
        from auth.person_service_role psr
        join auth.person p on p.id = psr.person_id
        join auth.services s on s.id = psr.service_id
        join auth.role r on r.id = psr.role_id
        where psr.person_id between $1 and $2
          and ($3::int is null or psr.service_id = $3)
          and (psr.person_id, psr.service_id, psr.role_id) > ($4, $5, $6)
        order by psr.person_id, psr.service_id, psr.role_id
        limit $7
        "#,
        person.map_or(i32::MIN, |id| id.0),
        person.map_or(i32::MAX, |id| id.0),
        service.map(|id| id.0),
        after.map_or(i32::MIN, |(person, _, _)| person.0),
        after.map_or(i32::MIN, |(_, service, _)| service.0),
        after.map_or(i32::MIN, |(_, _, role)| role.0),
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// One page of the services in which a person holds a role, each once, Portero itself left out.
pub async fn services_of(conn: &mut PgConnection, person: PersonId, page: &Page) -> Result<Vec<Service>> {
    let rows = sqlx::query_as!(
        Service,
        r#"
        select s.id as "id: ServiceId", s.name, s.description
        from auth.services s
        where s.removed_at is null
          and s.id > greatest($2, 0)
          and exists (select from auth.person_service_role psr where psr.person_id = $1 and psr.service_id = s.id)
          and ($3::text is null or lower(s.name) ^@ lower($3))
        order by s.id
        limit $4
        "#,
        person.0,
        page.after(0),
        page.prefix(),
        page.fetch(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
