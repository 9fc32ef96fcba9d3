//! Whether somebody holds one permission: what guards ask.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PermissionId, PersonId, ServiceId};
use crate::base::opaque::token::TokenHash;
use crate::gate::effective::Acting;

/// The services in which somebody holds a permission beyond `moment`: what ends by then is not enough. `None` is the end
/// of time, beyond which only that is held which does not end by itself.
pub async fn services_where(
    conn: &mut PgConnection,
    acting: Acting,
    permission: PermissionId,
    moment: Option<OffsetDateTime>,
) -> Result<Vec<ServiceId>> {
    if let Acting { key: Some(key), person } = acting {
        let services = sqlx::query_scalar!(
            r#"
            -- In Portero itself, which means everywhere, and in one service: in that service.
            select distinct greatest(held.service_id, scope.service_id) as "id!: ServiceId"
            from auth.held_at($3) held
            join auth.api_key_scopes scope
                on scope.permission_id = held.permission_id
                and (scope.service_id = held.service_id or 0 in (scope.service_id, held.service_id))
            where held.person_id = $1 and held.permission_id = $2 and scope.key_id = $4
            "#,
            person.0,
            permission.0,
            moment,
            key.0,
        );
        return Ok(services.fetch_all(conn).await?);
    }
    let services = sqlx::query_scalar!(
        r#"
        select distinct held.service_id as "id!: ServiceId"
        from auth.held_at($3) held
        where held.person_id = $1 and held.permission_id = $2
        "#,
        acting.person.0,
        permission.0,
        moment,
    )
    .fetch_all(conn)
    .await?;
    Ok(services)
}

/// Whether somebody holds a permission in a service, or everywhere, beyond `moment`, as [`services_where`] has it.
pub async fn holds(
    conn: &mut PgConnection,
    acting: impl Into<Acting>,
    permission: PermissionId,
    service: ServiceId,
    moment: Option<OffsetDateTime>,
) -> Result<bool> {
    let acting = acting.into();
    let holds = sqlx::query_scalar!(
        r#"
        select exists (select from auth.held_where($1, $2, $3, $4))
            and ($5::integer is null or exists (select from auth.key_allows($5, $2, $3))) as "holds!"
        "#,
        acting.person.0,
        permission.0,
        service.0,
        moment,
        acting.key.map(|key| key.0),
    )
    .fetch_one(conn)
    .await?;
    Ok(holds)
}

/// Until when somebody holds a permission in a service or everywhere, as it stands at `now`: `None` if they don't,
/// `Some(None)` if that does not end by itself. What they make with it is to end by then.
pub async fn held_until(
    conn: &mut PgConnection,
    acting: impl Into<Acting>,
    permission: PermissionId,
    service: ServiceId,
    now: OffsetDateTime,
) -> Result<Option<Option<OffsetDateTime>>> {
    let acting = acting.into();
    let held = sqlx::query!(
        r#"
        select count(*) as "grants!", bool_or(held.expires_at is null) as lasts, max(held.expires_at) as ends_at
        from auth.held_at($4) held
        where held.person_id = $1 and held.permission_id = $2 and held.service_id in (0, $3)
          and ($5::integer is null or exists (select from auth.key_allows($5, $2, $3)))
        "#,
        acting.person.0,
        permission.0,
        service.0,
        now,
        acting.key.map(|key| key.0),
    )
    .fetch_one(conn)
    .await?;
    let until = if held.lasts == Some(true) { None } else { held.ends_at };
    Ok((held.grants > 0).then_some(until))
}

/// Whether a caller is still who they were when their request came.
#[derive(Debug)]
pub struct Reauthorization {
    /// Their session has not ended; that of a removed or disabled person has.
    pub has_session: bool,
    /// They hold the permission, in the service or everywhere.
    pub holds_permission: bool,
}

/// Asks again, in the transaction of a change, what was true when its request came.
pub async fn reauthorize(
    conn: &mut PgConnection,
    token: TokenHash,
    person: PersonId,
    permission: PermissionId,
    service: ServiceId,
    now: OffsetDateTime,
) -> Result<Reauthorization> {
    let checked = sqlx::query_as!(
        Reauthorization,
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
    Ok(checked)
}
