//! What a role, a permission or a service stands for is changed for everybody who holds it, wherever that is: so only by
//! somebody who may hand things out in each of these services.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::{Error, Result};
use crate::base::id::{PermissionId, PersonId, RoleId, ServiceId};
use crate::gate::permission::{BuiltIn, WriteGrants};

/// Refuses (403) unless `actor` may hand out in each service in which somebody holds `role` at `now`.
pub async fn must_hand_out_where_role_is_held(
    conn: &mut PgConnection,
    actor: PersonId,
    role: RoleId,
    now: OffsetDateTime,
) -> Result<()> {
    let beyond = sqlx::query_scalar!(
        r#"
        select s.name
        from auth.service_roles offered
        join auth.services s on s.id = offered.service_id
        where offered.role_id = $2
          and (
              exists (
                  select
                  from auth.roles_given_at($3) held
                  where held.service_id = offered.service_id and held.role_id = offered.role_id
              )
              or exists (
                  select
                  from auth.roles_by_groups_at($3) held
                  where held.service_id = offered.service_id and held.role_id = offered.role_id
              )
              or exists (
                  select
                  from auth.roles_on_resources_at($3) held
                  where held.service_id = offered.service_id and held.role_id = offered.role_id
              )
          )
          and not exists (select from auth.held_where($1, $4, offered.service_id, $3))
        order by s.id
        limit 1
        "#,
        actor.0,
        role.0,
        now,
        WriteGrants::ID.0,
    )
    .fetch_optional(conn)
    .await?;
    beyond.map_or(Ok(()), |service| Err(not_for_them(&format!("people hold this role in `{service}`"))))
}

/// Likewise for each service in which somebody holds `permission`, by whichever role.
pub async fn must_hand_out_where_permission_is_held(
    conn: &mut PgConnection,
    actor: PersonId,
    permission: PermissionId,
    now: OffsetDateTime,
) -> Result<()> {
    let beyond = sqlx::query_scalar!(
        r#"
        select s.name
        from auth.carried_at($3) carried
        join auth.service_roles offered on offered.role_id = carried.role_id
        join auth.services s on s.id = offered.service_id
        where carried.permission_id = $2
          and (
              exists (
                  select
                  from auth.roles_given_at($3) held
                  where held.service_id = offered.service_id and held.role_id = offered.role_id
              )
              or exists (
                  select
                  from auth.roles_by_groups_at($3) held
                  where held.service_id = offered.service_id and held.role_id = offered.role_id
              )
              or exists (
                  select
                  from auth.roles_on_resources_at($3) held
                  where held.service_id = offered.service_id and held.role_id = offered.role_id
              )
          )
          and not exists (select from auth.held_where($1, $4, offered.service_id, $3))
        order by s.id
        limit 1
        "#,
        actor.0,
        permission.0,
        now,
        WriteGrants::ID.0,
    )
    .fetch_optional(conn)
    .await?;
    beyond.map_or(Ok(()), |service| Err(not_for_them(&format!("people hold this permission in `{service}`"))))
}

/// Refuses (403) unless nobody holds anything in `service` at `now`, or `actor` may hand out everywhere: under another name
/// what people hold there opens whichever backend asks by that name.
pub async fn must_hand_out_where_anything_is_held(
    conn: &mut PgConnection,
    actor: PersonId,
    service: ServiceId,
    now: OffsetDateTime,
) -> Result<()> {
    let allowed = sqlx::query_scalar!(
        r#"
        select not exists (
            -- Of a crowd the first will do, so no role is looked up: one that is over may still count until it is swept up.
            select from auth.person_service_role held where held.service_id = $2 and auth.lasts(held.expires_at, $3)
        ) and not exists (
            select from auth.roles_by_groups_at($3) held where held.service_id = $2
        ) and not exists (
            select
            from auth.resource_roles held
            where held.service_id = $2 and held.person_id is not null and auth.lasts(held.expires_at, $3)
        ) and not exists (
            select
            from auth.resource_roles held
            cross join lateral (
                select
                from auth.group_people inside
                where inside.group_id = held.group_id and auth.lasts(inside.expires_at, $3)
                limit 1
            ) somebody
            where held.service_id = $2 and held.group_id is not null and auth.lasts(held.expires_at, $3)
        ) or exists (select from auth.held_where($1, $4, 0, $3)) as "allowed!"
        "#,
        actor.0,
        service.0,
        now,
        WriteGrants::ID.0,
    )
    .fetch_one(conn)
    .await?;
    if allowed { Ok(()) } else { Err(not_for_them("people hold something in this service")) }
}

fn not_for_them(where_it_is_held: &str) -> Error {
    let detail = format!(
        "{where_it_is_held}, where you may not hand out what this would give them: ask somebody who holds `{}` there \
         or everywhere",
        WriteGrants::NAME,
    );
    Error::forbidden("insufficient_permissions", detail).with("permission", WriteGrants::NAME)
}
