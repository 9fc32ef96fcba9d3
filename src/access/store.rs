//! Questions about who holds what, asked before an act.

use std::collections::HashMap;

use sqlx::PgConnection;
use sqlx::types::Json;

use super::Effective;
use super::vocabulary::{Held, Stored};
use crate::database::index;
use crate::error::{Error, Result};
use crate::permissions::PermissionId;
use crate::roles::RoleId;
use crate::services::ServiceId;
use crate::tokens::{Payload, Session, TokenHash};
use crate::users::PersonId;

/// What a batch of checks is answered.
#[derive(Debug)]
pub struct Found {
    /// Of the vocabulary, at the moment of the question. `None` where there is nothing that it would matter for.
    pub version: Option<i64>,
    /// For each, the session and, where a service was asked about, what its owner holds there.
    pub rows: Vec<Option<(Session, Option<Held>)>>,
}

/// The sessions of tokens, and what their owners hold in a service.
pub async fn check_all(conn: &mut PgConnection, asked: &[(TokenHash, Option<ServiceId>)]) -> Result<Found> {
    let tokens: Vec<&[u8]> = asked.iter().map(|(token, _)| token.as_bytes()).collect();
    let services: Vec<Option<i32>> = asked.iter().map(|(_, service)| service.map(|service| service.0)).collect();
    let rows = sqlx::query!(
        r#"
        select
            asked.place as "place!",
            t.person_id as "person: PersonId",
            t.payload as "payload: Json<Payload>",
            t.created_at,
            t.modified_at,
            (select version from auth.vocabulary where single) as "version!",
            array(
                select psr.role_id
                from auth.person_service_role psr
                where psr.person_id = t.person_id and psr.service_id = asked.service_id
                order by psr.role_id
            ) as "roles!",
            array(
                select rp.permission_id
                from auth.role r
                join auth.role_permission rp on rp.role_id = r.id
                where r.direct_person_id = t.person_id and r.direct_service_id = asked.service_id
            ) as "direct!"
        from unnest($1::bytea[], $2::integer[]) with ordinality as asked (token, service_id, place)
        join auth.tokens_cache t on t.token = asked.token
        "#,
        &tokens as &[&[u8]],
        &services as &[Option<i32>],
    )
    .fetch_all(conn)
    .await?;
    let mut found = Found { version: rows.first().map(|row| row.version), rows: Vec::new() };
    found.rows.resize_with(asked.len(), || None);
    for row in rows {
        let place = index(row.place)?;
        let held =
            asked[place].1.map(|service| Held { person: row.person, service, roles: row.roles, direct: row.direct });
        let session = Session {
            person: row.person,
            payload: row.payload.0.into(),
            created_at: row.created_at,
            modified_at: row.modified_at,
        };
        found.rows[place] = Some((session, held));
    }
    Ok(found)
}

/// The vocabulary, whole, as it is at one moment.
pub async fn vocabulary(conn: &mut PgConnection) -> Result<Stored> {
    let row = sqlx::query!(
        r#"
        select
            version,
            (
                select coalesce(jsonb_agg(jsonb_build_array(id, name)), '[]')
                from auth.services
                where removed_at is null
            ) as "services!: Json<Vec<(i32, String)>>",
            (
                select coalesce(jsonb_agg(jsonb_build_array(id, name)), '[]')
                from auth.permission
            ) as "permissions!: Json<Vec<(i32, String)>>",
            (
                select coalesce(jsonb_agg(jsonb_build_array(
                    r.id,
                    r.name,
                    array(select permission_id from auth.role_permission where role_id = r.id)
                )), '[]')
                from auth.role r
                where r.direct_person_id is null
            ) as "roles!: Json<Vec<(i32, String, Vec<i32>)>>"
        from auth.vocabulary
        where single
        "#,
    )
    .fetch_one(conn)
    .await?;
    Ok(Stored { version: row.version, services: row.services.0, permissions: row.permissions.0, roles: row.roles.0 })
}

/// The roles and permissions of many people in a service, as [`effective`] has them for one.
pub async fn effective_of_all(
    conn: &mut PgConnection,
    people: &[PersonId],
    service: ServiceId,
) -> Result<HashMap<PersonId, Effective>> {
    let ids: Vec<i32> = people.iter().map(|person| person.0).collect();
    let rows = sqlx::query!(
        r#"
        select
            asked.person as "person!: PersonId",
            array(
                select r.name
                from auth.person_service_role psr
                join auth.role r on r.id = psr.role_id
                where psr.person_id = asked.person and psr.service_id = $2
                order by r.id
            ) as "roles!",
            array(
                select p.name
                from auth.permission p
                where p.id in (
                    select rp.permission_id
                    from auth.person_service_role psr
                    join auth.role_permission rp on rp.role_id = psr.role_id
                    where psr.person_id = asked.person and psr.service_id = $2
                )
                order by p.id
            ) as "permissions!"
        from (select distinct person from unnest($1::integer[]) person) asked
        "#,
        &ids,
        service.0,
    )
    .fetch_all(conn)
    .await?;
    let effective = rows.into_iter().map(|row| {
        let names = |names: Vec<String>| names.into_iter().map(Into::into).collect();
        (row.person, Effective { roles: names(row.roles), permissions: names(row.permissions) })
    });
    Ok(effective.collect())
}

/// Whether a caller is still who they were when their request came.
#[derive(Debug)]
pub struct Standing {
    /// Their session has not ended; that of a removed or disabled person has.
    pub has_session: bool,
    /// They hold the permission, in the service or everywhere.
    pub holds_permission: bool,
}

/// Asks again, in the transaction of a change, what was true when its request came.
pub async fn standing(
    conn: &mut PgConnection,
    token: TokenHash,
    person: PersonId,
    permission: PermissionId,
    service: ServiceId,
) -> Result<Standing> {
    let standing = sqlx::query_as!(
        Standing,
        r#"
        select
            exists (select from auth.tokens_cache where token = $1) as "has_session!",
            exists (
                select
                from auth.person_service_role psr
                join auth.role_permission rp on rp.role_id = psr.role_id
                where psr.person_id = $2 and rp.permission_id = $3 and psr.service_id in (0, $4)
            ) as "holds_permission!"
        "#,
        token.as_bytes(),
        person.0,
        permission.0,
        service.0,
    )
    .fetch_one(conn)
    .await?;
    Ok(standing)
}

/// Whether a session has not ended.
pub async fn has_session(conn: &mut PgConnection, token: TokenHash) -> Result<bool> {
    let has = sqlx::query_scalar!(
        r#"select exists (select from auth.tokens_cache where token = $1) as "has!""#,
        token.as_bytes(),
    )
    .fetch_one(conn)
    .await?;
    Ok(has)
}

/// The services in which a person holds a permission.
pub async fn services_where(
    conn: &mut PgConnection,
    person: PersonId,
    permission: PermissionId,
) -> Result<Vec<ServiceId>> {
    let services = sqlx::query_scalar!(
        r#"
        select distinct psr.service_id as "id: ServiceId"
        from auth.person_service_role psr
        join auth.role_permission rp on rp.role_id = psr.role_id
        where psr.person_id = $1 and rp.permission_id = $2
        "#,
        person.0,
        permission.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(services)
}

/// Refuses (403) unless `actor` holds, in `service` or everywhere, each of Portero's own permissions that `role`
/// carries: nobody hands out, or takes away, more than they hold.
pub async fn must_cover_role(conn: &mut PgConnection, actor: PersonId, service: ServiceId, role: RoleId) -> Result<()> {
    let beyond = sqlx::query_scalar!(
        r#"
        select p.name
        from auth.role_permission wanted
        join auth.permission p on p.id = wanted.permission_id
        where wanted.role_id = $3
          and wanted.permission_id <= 0
          and not exists (
              select
              from auth.person_service_role psr
              join auth.role_permission rp on rp.role_id = psr.role_id
              where psr.person_id = $1 and psr.service_id in (0, $2) and rp.permission_id = wanted.permission_id
          )
        order by p.id desc
        limit 1
        "#,
        actor.0,
        service.0,
        role.0,
    )
    .fetch_optional(conn)
    .await?;
    beyond.map_or(Ok(()), |name| Err(beyond_own(&name)))
}

/// Refuses (403) unless `permission` is a backend's own, or `actor` holds it in `service` or everywhere.
pub async fn must_cover_permission(
    conn: &mut PgConnection,
    actor: PersonId,
    service: ServiceId,
    permission: PermissionId,
) -> Result<()> {
    if !permission.is_built_in() {
        return Ok(());
    }
    let held = services_where(conn, actor, permission).await?;
    if held.contains(&ServiceId::PORTERO) || held.contains(&service) {
        return Ok(());
    }
    let name = super::permission::ALL.iter().find(|(id, _)| *id == permission).map_or("", |(_, name)| name);
    Err(beyond_own(name))
}

/// Refuses (403) unless `actor` holds, where `target` holds them or everywhere, all of Portero's own permissions
/// that `target` holds: who resets a password could become that person.
pub async fn must_cover_person(conn: &mut PgConnection, actor: PersonId, target: PersonId) -> Result<()> {
    if actor == target {
        return Ok(());
    }
    let beyond = sqlx::query_scalar!(
        r#"
        select p.name
        from auth.person_service_role held
        join auth.role_permission wanted on wanted.role_id = held.role_id
        join auth.permission p on p.id = wanted.permission_id
        where held.person_id = $2
          and wanted.permission_id <= 0
          and not exists (
              select
              from auth.person_service_role psr
              join auth.role_permission rp on rp.role_id = psr.role_id
              where psr.person_id = $1
                and psr.service_id in (0, held.service_id)
                and rp.permission_id = wanted.permission_id
          )
        order by p.id desc
        limit 1
        "#,
        actor.0,
        target.0,
    )
    .fetch_optional(conn)
    .await?;
    beyond.map_or(Ok(()), |name| {
        Err(Error::forbidden(
            "insufficient_permissions",
            format!("that person holds `{name}`, which you don't: ask somebody who does"),
        ))
    })
}

fn beyond_own(name: &str) -> Error {
    Error::forbidden("insufficient_permissions", format!("this needs `{name}`, which you don't hold there yourself"))
}

/// Makes transactions that make or unmake administrators wait for each other, so that no two of them can each believe
/// that the other's administrator stays.
pub async fn queue_for_administrators(conn: &mut PgConnection) -> Result<()> {
    sqlx::query!("select id from auth.role where id = 0 for no key update").fetch_one(conn).await?;
    Ok(())
}

/// Refuses (409 `last_administrator`) what this transaction has done if it leaves no enabled administrator.
pub async fn must_keep_an_administrator(conn: &mut PgConnection) -> Result<()> {
    queue_for_administrators(&mut *conn).await?;
    if administrators(conn).await?.is_empty() {
        return Err(Error::conflict(
            "last_administrator",
            "this would leave Portero without an administrator; make another one first",
        ));
    }
    Ok(())
}

/// Everybody who is an administrator of Portero itself and can log in.
pub async fn administrators(conn: &mut PgConnection) -> Result<Vec<crate::users::Person>> {
    let people = sqlx::query_as!(
        crate::users::Person,
        r#"
        select p.id as "id: PersonId", p.username, p.name
        from auth.person_service_role psr
        join auth.person p on p.id = psr.person_id
        where psr.service_id = 0 and psr.role_id = 0 and p.removed_at is null and p.disabled_at is null
        order by p.id
        "#,
    )
    .fetch_all(conn)
    .await?;
    Ok(people)
}
