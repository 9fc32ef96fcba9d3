//! Questions about who holds what, asked before an act.

mod administrators;
mod by_service;
mod cover;
mod losses;
mod meaning;
pub mod people;
mod rows;
pub mod services;
mod takeover;
mod uses;

use std::collections::HashMap;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::Effective;
use crate::base::error::Result;
use crate::base::id::{PermissionId, PersonId, ServiceId};
use crate::base::opaque::token::TokenHash;
use crate::gate::sessions::{Payload, Session};
use crate::platform::database::by_place;

pub use administrators::{
    administrators, lasting_administrators, must_keep_an_administrator, queue_for_administrators,
};
pub use by_service::by_service;
pub use cover::{
    Through, covers_permission, covers_role, must_cover_people, must_cover_permission, must_cover_person,
    must_cover_role,
};
pub use losses::{Loss, held_until, must_cover_loss};
pub use meaning::{
    must_hand_out_where_anything_is_held, must_hand_out_where_permission_is_held, must_hand_out_where_role_is_held,
};
pub use rows::{Held, Stored, Use};
pub use takeover::must_be_as_mighty;
pub use uses::note_uses;

/// What a batch of checks is answered.
#[derive(Debug)]
pub struct Found {
    /// Of the vocabulary, at the moment of the question. `None` where there is nothing that it would matter for.
    pub version: Option<i64>,
    /// For each, the session and, where a service was asked about, what its owner holds there.
    pub rows: Vec<Option<(Session, Option<Held>)>>,
}

/// The sessions of tokens, and what their owners hold in a service at `now`.
pub async fn check_all(
    conn: &mut PgConnection,
    asked: &[(TokenHash, Option<ServiceId>)],
    now: OffsetDateTime,
) -> Result<Found> {
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
            held.roles as "roles!",
            direct.permissions as "direct!",
            least(held.ends_at, direct.ends_at) as ends_at
        from unnest($1::bytea[], $2::integer[]) with ordinality as asked (token, service_id, place)
        join auth.tokens_cache t on t.token = asked.token
        cross join lateral (
            select coalesce(array_agg(psr.role_id), '{}') as roles, min(psr.expires_at) as ends_at
            from auth.person_service_role psr
            where psr.person_id = t.person_id
              and psr.service_id = asked.service_id
              and (psr.expires_at is null or psr.expires_at > $3)
        ) held
        cross join lateral (
            select coalesce(array_agg(rp.permission_id), '{}') as permissions, min(rp.expires_at) as ends_at
            from auth.role r
            join auth.role_permission rp on rp.role_id = r.id
            where r.direct_person_id = t.person_id
              and r.direct_service_id = asked.service_id
              and (rp.expires_at is null or rp.expires_at > $3)
        ) direct
        "#,
        &tokens as &[&[u8]],
        &services as &[Option<i32>],
        now,
    )
    .fetch_all(conn)
    .await?;
    let version = rows.first().map(|row| row.version);
    let rows = by_place(asked, rows.into_iter().map(|row| (row.place, row)))?;
    let found = rows.into_iter().zip(asked).map(|(row, (_, service))| {
        let row = row?;
        let held = service.map(|service| {
            let mut roles = row.roles;
            roles.sort_unstable();
            Held { person: row.person, service, roles, direct: row.direct, ends_at: row.ends_at }
        });
        let (created_at, modified_at) = (row.created_at, row.modified_at);
        Some((Session { person: row.person, payload: row.payload.0.into(), created_at, modified_at }, held))
    });
    Ok(Found { version, rows: found.collect() })
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

/// The roles and permissions of many people in a service at `now`.
pub async fn effective_of_all(
    conn: &mut PgConnection,
    people: &[PersonId],
    service: ServiceId,
    now: OffsetDateTime,
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
                where psr.person_id = asked.person
                  and psr.service_id = $2
                  and (psr.expires_at is null or psr.expires_at > $3)
                  and (
                      r.direct_person_id is null
                      or exists (
                          select
                          from auth.role_permission rp
                          where rp.role_id = r.id and (rp.expires_at is null or rp.expires_at > $3)
                      )
                  )
                  -- In Portero a name that two have means the one of Portero's own, elsewhere the other.
                  and (
                      (r.id <= 0) = ($2 = 0)
                      or not exists (select from auth.role other where other.name = r.name and (other.id <= 0) <> (r.id <= 0))
                  )
                order by r.id
            ) as "roles!",
            array(
                select p.name
                from auth.permission p
                where p.id in (
                    select rp.permission_id
                    from auth.person_service_role psr
                    join auth.role_permission rp on rp.role_id = psr.role_id
                    where psr.person_id = asked.person
                      and psr.service_id = $2
                      and (psr.expires_at is null or psr.expires_at > $3)
                      and (rp.expires_at is null or rp.expires_at > $3)
                )
                  and (
                      (p.id <= 0) = ($2 = 0)
                      or not exists (
                          select from auth.permission other where other.name = p.name and (other.id <= 0) <> (p.id <= 0)
                      )
                  )
                order by p.id
            ) as "permissions!",
            least(
                (
                    select min(psr.expires_at)
                    from auth.person_service_role psr
                    where psr.person_id = asked.person and psr.service_id = $2 and psr.expires_at > $3
                ),
                (
                    select min(rp.expires_at)
                    from auth.role r
                    join auth.role_permission rp on rp.role_id = r.id
                    where r.direct_person_id = asked.person and r.direct_service_id = $2 and rp.expires_at > $3
                )
            ) as ends_at
        from (select distinct person from unnest($1::integer[]) person) asked
        "#,
        &ids,
        service.0,
        now,
    )
    .fetch_all(conn)
    .await?;
    let effective = rows.into_iter().map(|row| {
        let names = |names: Vec<String>| names.into_iter().map(Into::into).collect();
        (row.person, Effective { roles: names(row.roles), permissions: names(row.permissions), ends_at: row.ends_at })
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
    now: OffsetDateTime,
) -> Result<Standing> {
    let standing = sqlx::query_as!(
        Standing,
        r#"
        select
            exists (select from auth.tokens_cache where token = $1) as "has_session!",
            exists (select from auth.held_where($2, $3, $4, $5)) as "holds_permission!"
        "#,
        token.as_bytes(),
        person.0,
        permission.0,
        service.0,
        now,
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

/// The services in which a person holds a permission beyond `moment`: what ends by then is not enough. `None` is the end
/// of time, beyond which only that is held which does not end by itself.
pub async fn services_where(
    conn: &mut PgConnection,
    person: PersonId,
    permission: PermissionId,
    moment: Option<OffsetDateTime>,
) -> Result<Vec<ServiceId>> {
    let services = sqlx::query_scalar!(
        r#"
        select distinct psr.service_id as "id: ServiceId"
        from auth.person_service_role psr
        join auth.role_permission rp on rp.role_id = psr.role_id
        where psr.person_id = $1
          and rp.permission_id = $2
          and (psr.expires_at is null or psr.expires_at > $3)
          and (rp.expires_at is null or rp.expires_at > $3)
        "#,
        person.0,
        permission.0,
        moment,
    )
    .fetch_all(conn)
    .await?;
    Ok(services)
}
