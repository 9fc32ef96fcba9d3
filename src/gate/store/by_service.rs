//! What a person holds, service by service.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};
use crate::gate::HeldInService;

/// What a person holds at `now`, by service, in up to `limit` of them; Portero itself is the first.
pub async fn by_service(
    conn: &mut PgConnection,
    person: PersonId,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Vec<HeldInService>> {
    let rows = sqlx::query_as!(
        HeldInService,
        r#"
        select
            s.id as "service_id: ServiceId",
            s.name as service,
            array(
                select r.name
                from auth.person_service_role psr
                join auth.role r on r.id = psr.role_id
                where psr.person_id = $1
                  and psr.service_id = s.id
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
                      (r.id <= 0) = (s.id = 0)
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
                    where psr.person_id = $1
                      and psr.service_id = s.id
                      and (psr.expires_at is null or psr.expires_at > $3)
                      and (rp.expires_at is null or rp.expires_at > $3)
                )
                  and (
                      (p.id <= 0) = (s.id = 0)
                      or not exists (
                          select from auth.permission other where other.name = p.name and (other.id <= 0) <> (p.id <= 0)
                      )
                  )
                order by p.id
            ) as "permissions!"
        from auth.services s
        where s.removed_at is null
          and exists (
              select
              from auth.person_service_role psr
              join auth.role r on r.id = psr.role_id
              where psr.person_id = $1
                and psr.service_id = s.id
                and (psr.expires_at is null or psr.expires_at > $3)
                and (
                    r.direct_person_id is null
                    or exists (
                        select
                        from auth.role_permission rp
                        where rp.role_id = r.id and (rp.expires_at is null or rp.expires_at > $3)
                    )
                )
          )
        order by s.id
        limit $2
        "#,
        person.0,
        limit,
        now,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
