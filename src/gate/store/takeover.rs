//! Who sets somebody's password or address, or hands on their username, could become that person. So they must hold all
//! that the person holds, Portero's own and that of backends, or may hand it out anyway.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::gate::permission::{BuiltIn, WriteGrants};

/// Refuses (403) whoever could not give themselves, at `now`, what `target` holds of backends' permissions: neither holds it
/// in that service for as long, nor may hand out there (`grants:write`). A role that carries nothing stands for its name, which
/// backends are told, too. Portero's own permissions are for [`must_cover_person`](super::must_cover_person).
pub async fn must_be_as_mighty(
    conn: &mut PgConnection,
    actor: PersonId,
    target: PersonId,
    now: OffsetDateTime,
) -> Result<()> {
    let beyond = sqlx::query!(
        r#"
        select s.name as service, coalesce(p.name, r.name) as "what!"
        from auth.person_service_role held
        join auth.services s on s.id = held.service_id
        join auth.role r on r.id = held.role_id
        left join auth.role_permission wanted
            on wanted.role_id = r.id and (wanted.expires_at is null or wanted.expires_at > $3)
        left join auth.permission p on p.id = wanted.permission_id
        where held.person_id = $2
          and held.person_id <> $1
          and (held.expires_at is null or held.expires_at > $3)
          and (wanted.permission_id > 0 or (wanted.permission_id is null and r.direct_person_id is null))
          and not exists (select from auth.held_where($1, $4, held.service_id, $3))
          and not exists (
              select
              from auth.person_service_role psr
              left join auth.role_permission rp
                  on rp.role_id = psr.role_id and rp.permission_id = wanted.permission_id
              where psr.person_id = $1
                and psr.service_id = held.service_id
                and (psr.role_id = held.role_id or rp.permission_id is not null)
                and (psr.expires_at is null or psr.expires_at > $3)
                and (psr.expires_at is null or psr.expires_at >= least(held.expires_at, wanted.expires_at))
                and (rp.expires_at is null or rp.expires_at > $3)
                and (rp.expires_at is null or rp.expires_at >= least(held.expires_at, wanted.expires_at))
          )
        order by s.id, wanted.permission_id, r.id
        limit 1
        "#,
        actor.0,
        target.0,
        now,
        WriteGrants::ID.0,
    )
    .fetch_optional(conn)
    .await?;
    beyond.map_or(Ok(()), |beyond| {
        let detail = format!(
            "that person holds `{}` in `{}`, which you don't, or not for as long, and may not hand out there: ask \
             somebody who may, or let the person set a new password themselves (POST /users/{target}/send-reset)",
            beyond.what, beyond.service,
        );
        Err(Error::forbidden("insufficient_permissions", detail).with("permission", WriteGrants::NAME))
    })
}
