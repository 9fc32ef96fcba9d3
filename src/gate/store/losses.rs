//! Who takes something from many at once takes from each of them no more than they hold themselves, for as long.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::{Error, Result};
use crate::base::id::{PermissionId, PersonId, RoleId, ServiceId};
use crate::gate::permission::{BuiltIn, WriteGrants, WriteUsers};
use crate::gate::store::cover::{Through, must_cover_permission, must_hold_everywhere};

/// What everybody loses who holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A role, everywhere.
    Role(RoleId),
    RoleIn(RoleId, ServiceId),
    /// One of the permissions that a role carries, everywhere.
    Carried(RoleId, PermissionId),
    /// Everything in a service.
    Service(ServiceId),
}

impl Loss {
    fn key(self) -> (Option<RoleId>, Option<ServiceId>, Option<PermissionId>) {
        match self {
            Self::Role(role) => (Some(role), None, None),
            Self::RoleIn(role, service) => (Some(role), Some(service), None),
            Self::Carried(role, permission) => (Some(role), None, Some(permission)),
            Self::Service(service) => (None, Some(service), None),
        }
    }
}

/// Refuses (403) unless `actor` holds, in each service where somebody loses one of Portero's own permissions by this or
/// everywhere, that permission for as long as the longest of those who lose it.
pub async fn must_cover_loss(conn: &mut PgConnection, actor: PersonId, loss: Loss, now: OffsetDateTime) -> Result<()> {
    beyond(conn, actor, loss, now).await?.map_or(Ok(()), |name| {
        let detail = format!(
            "this would revoke `{name}` from somebody who holds it for longer than you do: ask somebody who holds it as long"
        );
        Err(Error::forbidden("insufficient_permissions", detail))
    })
}

/// Refuses (403) unless `actor` may speak for everybody in a service: hand out there what backends ask about (`grants:write`), be
/// anybody (`users:write` everywhere), and holds what of Portero's own anybody holds there, for as long.
pub async fn must_speak_for_all(
    conn: &mut PgConnection,
    actor: PersonId,
    service: ServiceId,
    now: OffsetDateTime,
) -> Result<()> {
    must_hold_everywhere::<WriteUsers>(conn, actor, "to speak for everybody in a service", now).await?;
    must_cover_permission(conn, actor, service, WriteGrants::ID, Through::Now(now)).await?;
    beyond(conn, actor, Loss::Service(service), now).await?.map_or(Ok(()), |name| {
        let detail = format!(
            "somebody holds `{name}` there, which you don't hold, or not for as long, and this would speak for them: ask somebody \
             who holds it as long"
        );
        Err(Error::forbidden("insufficient_permissions", detail).with("permission", name))
    })
}

/// What of Portero's own somebody loses by this, and `actor` does not hold for as long.
async fn beyond(conn: &mut PgConnection, actor: PersonId, loss: Loss, now: OffsetDateTime) -> Result<Option<String>> {
    let (role, service, permission) = loss.key();
    let beyond = sqlx::query_scalar!(
        r#"
        with offer as materialized (
            select service_id, role_id
            from auth.service_roles
            where role_id between $2 and $3 and service_id between $4 and $5
        ), lost as (
            select held.service_id, held.permission_id, max(coalesce(held.expires_at, 'infinity')) as ends_at
            from (
                select given.service_id, given.permission_id, given.expires_at
                from offer
                join auth.held_given_at($7) given on given.service_id = offer.service_id and given.role_id = offer.role_id
                union all
                select given.service_id, given.permission_id, given.expires_at
                from offer
                join auth.held_by_groups_at($7) given
                    on given.service_id = offer.service_id and given.role_id = offer.role_id
                union all
                select given.service_id, given.permission_id, given.expires_at
                from offer
                -- Of each the few that there are.
                cross join lateral (
                    select on_one.service_id, on_one.permission_id, on_one.expires_at
                    from auth.held_on_resources_at($7) on_one
                    where on_one.service_id = offer.service_id and on_one.role_id = offer.role_id
                    offset 0
                ) given
            ) held
            where ($6::int is null or held.permission_id = $6) and held.permission_id <= 0
            group by held.service_id, held.permission_id
        )
        select p.name
        from lost
        join auth.permission p on p.id = lost.permission_id
        where not exists (
            select
            from auth.held_where(
                $1, lost.permission_id, lost.service_id, nullif(lost.ends_at, 'infinity') - interval '1 microsecond'
            )
        )
        order by p.id desc
        limit 1
        "#,
        actor.0,
        role.map_or(i32::MIN, |role| role.0),
        role.map_or(i32::MAX, |role| role.0),
        service.map_or(i32::MIN, |service| service.0),
        service.map_or(i32::MAX, |service| service.0),
        permission.map(|permission| permission.0),
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(beyond)
}
