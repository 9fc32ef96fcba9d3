//! Nobody hands out, takes away or takes over more than they hold, nor for longer.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::base::error::{Error, Result};
use crate::base::id::{PermissionId, PersonId, RoleId, ServiceId};
use crate::gate::effective::store::holds;
use crate::gate::permission::{self, BuiltIn};

/// How long somebody must hold what they hand out or take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// At this moment.
    Now(OffsetDateTime),
    /// Until then; `None` is for good.
    End(Option<OffsetDateTime>),
}

impl Through {
    /// The moment beyond which it must be held.
    pub fn moment(self) -> Option<OffsetDateTime> {
        match self {
            Self::Now(now) => Some(now),
            // What ends at that very moment is held long enough. Postgres counts in microseconds.
            Self::End(end) => end.map(|end| end - Duration::microseconds(1)),
        }
    }
}

/// Refuses (403) unless `actor` holds, in `service` or everywhere, each of Portero's own permissions that `role`
/// carries, and for as long.
pub async fn must_cover_role(
    conn: &mut PgConnection,
    actor: PersonId,
    service: ServiceId,
    role: RoleId,
    through: Through,
) -> Result<()> {
    let beyond = beyond_in_role(conn, actor, service, role, through).await?;
    beyond.map_or(Ok(()), |name| Err(beyond_own(&name, through)))
}

/// Whether [`must_cover_role`] refuses nothing.
pub async fn covers_role(
    conn: &mut PgConnection,
    actor: PersonId,
    service: ServiceId,
    role: RoleId,
    through: Through,
) -> Result<bool> {
    Ok(beyond_in_role(conn, actor, service, role, through).await?.is_none())
}

async fn beyond_in_role(
    conn: &mut PgConnection,
    actor: PersonId,
    service: ServiceId,
    role: RoleId,
    through: Through,
) -> Result<Option<String>> {
    let beyond = sqlx::query_scalar!(
        r#"
        select p.name
        from auth.role_permission wanted
        join auth.permission p on p.id = wanted.permission_id
        where wanted.role_id = $3
          and wanted.permission_id <= 0
          and not exists (select from auth.held_where($1, wanted.permission_id, $2, $4))
        order by p.id desc
        limit 1
        "#,
        actor.0,
        service.0,
        role.0,
        through.moment(),
    );
    Ok(beyond.fetch_optional(conn).await?)
}

/// Refuses (403) unless `permission` is a backend's own, or `actor` holds it in `service` or everywhere, and for as long.
pub async fn must_cover_permission(
    conn: &mut PgConnection,
    actor: PersonId,
    service: ServiceId,
    permission: PermissionId,
    through: Through,
) -> Result<()> {
    if covers_permission(conn, actor, service, permission, through).await? {
        return Ok(());
    }
    let name = permission::ALL.iter().find(|(id, _)| *id == permission).map_or("", |(_, name)| name);
    Err(beyond_own(name, through))
}

/// Whether [`must_cover_permission`] refuses nothing.
pub async fn covers_permission(
    conn: &mut PgConnection,
    actor: PersonId,
    service: ServiceId,
    permission: PermissionId,
    through: Through,
) -> Result<bool> {
    if !permission.is_built_in() {
        return Ok(true);
    }
    holds(conn, actor, permission, service, through.moment()).await
}

/// Refuses (403) unless `actor` holds `P` everywhere at `now`, which `what` needs.
pub async fn must_hold_everywhere<P: BuiltIn>(
    conn: &mut PgConnection,
    actor: PersonId,
    what: &str,
    now: OffsetDateTime,
) -> Result<()> {
    if holds(conn, actor, P::ID, ServiceId::PORTERO, Some(now)).await? {
        return Ok(());
    }
    let detail = format!("{what} needs `{}` everywhere, too; ask an administrator of Portero", P::NAME);
    Err(Error::forbidden("insufficient_permissions", detail).with("permission", P::NAME))
}

/// Refuses (403) unless `actor` holds, where `target` holds them or everywhere, all of Portero's own permissions that
/// `target` holds at `now`, and for as long: who resets a password could become that person.
pub async fn must_cover_person(
    conn: &mut PgConnection,
    actor: PersonId,
    target: PersonId,
    now: OffsetDateTime,
) -> Result<()> {
    must_cover_people(conn, actor, &[target], now).await
}

/// The same for each of `targets`.
pub async fn must_cover_people(
    conn: &mut PgConnection,
    actor: PersonId,
    targets: &[PersonId],
    now: OffsetDateTime,
) -> Result<()> {
    let targets: Vec<i32> = targets.iter().map(|target| target.0).collect();
    let beyond = sqlx::query_scalar!(
        r#"
        select p.name
        from (
            select person_id, service_id, permission_id, expires_at from auth.held_at($3)
            union all
            select person_id, service_id, permission_id, expires_at from auth.held_on_resources_at($3)
        ) held
        join auth.permission p on p.id = held.permission_id
        where held.person_id = any ($2)
          and held.person_id <> $1
          and held.permission_id <= 0
          and not exists (
              select
              from auth.held_where(
                  $1, held.permission_id, held.service_id, held.expires_at - interval '1 microsecond'
              )
          )
        order by p.id desc
        limit 1
        "#,
        actor.0,
        &targets,
        now,
    )
    .fetch_optional(conn)
    .await?;
    beyond.map_or(Ok(()), |name| {
        Err(Error::forbidden(
            "insufficient_permissions",
            format!("that person holds `{name}`, which you do not hold, or not for as long: ask somebody who does"),
        ))
    })
}

fn beyond_own(name: &str, through: Through) -> Error {
    let lack = match through {
        Through::Now(_) => "which you don't hold there yourself",
        Through::End(_) => "which you don't hold there yourself for as long",
    };
    Error::forbidden("insufficient_permissions", format!("this needs `{name}`, {lack}"))
}
