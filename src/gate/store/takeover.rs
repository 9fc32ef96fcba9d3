//! Who sets somebody's password or address, or hands on their username, could become that person. So they must hold all
//! that the person holds, Portero's own and that of backends, or may hand it out anyway.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::gate::permission::{BuiltIn, WriteGrants};

/// Refuses (403) whoever could not give themselves, at `now`, what `target` holds of backends' permissions, in a service or on one of its
/// resources: neither holds it there for as long, nor may hand out in that service (`grants:write`). A role that carries nothing stands for its name, which
/// backends are told, too. Portero's own permissions are for [`must_cover_person`](super::must_cover_person).
pub async fn must_be_as_mighty(
    conn: &mut PgConnection,
    actor: PersonId,
    target: PersonId,
    now: OffsetDateTime,
) -> Result<()> {
    let Some((what, service)) = held_beyond(conn, actor, target, now).await? else { return Ok(()) };
    let detail = format!(
        "that person holds `{what}` in `{service}`, which you don't, or not for as long, and may not hand out there: ask \
         somebody who may, or let the person set a new password themselves (POST /users/{target}/send-reset)",
    );
    Err(Error::forbidden("insufficient_permissions", detail).with("permission", WriteGrants::NAME))
}

/// What `target` holds so that `actor` could not give it to themselves, and the name of the service where.
pub async fn held_beyond(
    conn: &mut PgConnection,
    actor: PersonId,
    target: PersonId,
    now: OffsetDateTime,
) -> Result<Option<(String, String)>> {
    let beyond = sqlx::query!(
        r#"
        with held as (
            select service_id, role_id, role, expires_at, null::integer as resource_id
            from auth.roles_at($3)
            where person_id = $2
            union all
            select there.service_id, there.role_id, (select name from auth.role where id = there.role_id), there.expires_at,
                   there.resource_id
            from auth.roles_on_resources_at($3) there
            where there.person_id = $2
        ), own as (
            select service_id, role_id, expires_at, null::integer as resource_id
            from auth.roles_at($3)
            -- Who acts by an API key may not use what they hold themselves, but as far as the key goes.
            where person_id = $1 and auth.acting_key_owner() is distinct from $1
            union all
            select service_id, role_id, expires_at, resource_id
            from auth.roles_on_resources_at($3)
            where person_id = $1 and auth.acting_key_owner() is distinct from $1
        )
        select s.name as service, coalesce(p.name, held.role) as "what!"
        from held
        join auth.services s on s.id = held.service_id
        left join auth.carried_at($3) wanted on wanted.role_id = held.role_id
        left join auth.permission p on p.id = wanted.permission_id
        where $1 <> $2
          and (wanted.permission_id > 0 or wanted.permission_id is null)
          and not exists (select from auth.held_where($1, $4, held.service_id, $3))
          and not exists (
              select
              from own
              left join auth.carried_at($3) carried
                  on carried.role_id = own.role_id and carried.permission_id = wanted.permission_id
              where own.service_id = held.service_id
                and (own.role_id = held.role_id or carried.permission_id is not null)
                -- In the service, and so on each of its resources; or on that resource, or above it.
                and (
                    own.resource_id is null
                    or exists (
                        select
                        from auth.resource_ancestors up
                        where up.resource_id = held.resource_id and up.ancestor_id = own.resource_id
                    )
                )
                and (
                    least(own.expires_at, carried.expires_at) is null
                    or least(own.expires_at, carried.expires_at) >= least(held.expires_at, wanted.expires_at)
                )
          )
        order by s.id, wanted.permission_id, held.role_id
        limit 1
        "#,
        actor.0,
        target.0,
        now,
        WriteGrants::ID.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(beyond.map(|beyond| (beyond.what, beyond.service)))
}
