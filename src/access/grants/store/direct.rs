//! Single permissions, which ride on the role `direct:<person>:<service>`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::{GrantTerms, Granted, RequestedEnd, RequestedReason, RequestedTerms};
use crate::base::error::{OnConstraint, Result};
use crate::base::id::{Id, PermissionId, PersonId, RoleId, ServiceId};
use crate::gate;
use crate::identity::mail::store::tokens::void_before_promotion;

/// The terms on which a person holds a permission directly in a service at `now`.
pub async fn direct_standing(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    permission: PermissionId,
    now: OffsetDateTime,
) -> Result<Option<GrantTerms>> {
    let current = sqlx::query_as!(
        GrantTerms,
        r#"
        select rp.expires_at, rp.reason
        from auth.role r
        join auth.carried_at($4) rp on rp.role_id = r.id
        where r.direct_person_id = $1
          and r.direct_service_id = $2
          and rp.permission_id = $3
        "#,
        person.0,
        service.0,
        permission.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(current)
}

/// Gives a person a single permission in a service, through the role `direct:<person>:<service>`, or changes the terms
/// on which they hold it; answers that role, too. Twice is safe.
pub async fn grant_direct(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    permission: PermissionId,
    terms: &RequestedTerms,
) -> Result<(RoleId, Granted)> {
    // One at a time for one person: two that make the same role at once would both fail on its name.
    gate::store::people::lock(conn, person).await?;
    gate::store::people::must_be_here(conn, person).await?;
    gate::store::services::hold(conn, service).await?;
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
    // The role itself does not end: each permission does, and it goes with the last.
    let lasting = RequestedTerms { end: RequestedEnd::AsItIs, why: RequestedReason::AsItIs, ..terms.clone() };
    super::grant(conn, person, service, role, &lasting).await?;
    let granted = carry(conn, role, permission, terms).await?;
    if matches!(granted, Granted::Added { .. }) && permission.is_built_in() {
        void_before_promotion(conn, person, role).await?;
    }
    Ok((role, granted))
}

/// Lets a direct role, which is locked, carry a permission on these terms.
async fn carry(
    conn: &mut PgConnection,
    role: RoleId,
    permission: PermissionId,
    terms: &RequestedTerms,
) -> Result<Granted> {
    let found = sqlx::query_as!(
        GrantTerms,
        "select expires_at, reason from auth.role_permission where role_id = $1 and permission_id = $2",
        role.0,
        permission.0,
    )
    .fetch_optional(&mut *conn)
    .await?;
    match found {
        Some(before) if !before.is_over(terms.now) => change(conn, role, permission, before, terms).await,
        over => {
            give(conn, role, permission, terms).await?;
            Ok(Granted::Added { over, now: terms.anew() })
        }
    }
}

async fn give(conn: &mut PgConnection, role: RoleId, permission: PermissionId, terms: &RequestedTerms) -> Result<()> {
    sqlx::query!(
        r#"
        insert into auth.role_permission (role_id, permission_id, created_at, expires_at, reason, granted_by)
        values ($1, $2, $3, $4, $5, $6)
        on conflict on constraint role_permission_pkey do update
        set created_at = excluded.created_at, expires_at = excluded.expires_at, reason = excluded.reason,
            granted_by = excluded.granted_by, confirmed_at = null, confirmed_by = null
        "#,
        role.0,
        permission.0,
        terms.now,
        terms.anew().expires_at,
        terms.anew().reason,
        terms.by.map(|by| by.0),
    )
    .execute(conn)
    .await
    .on_constraint("role_permission_permission_fkey", PermissionId::not_found())?;
    Ok(())
}

async fn change(
    conn: &mut PgConnection,
    role: RoleId,
    permission: PermissionId,
    before: GrantTerms,
    terms: &RequestedTerms,
) -> Result<Granted> {
    let after = terms.over(&before);
    if after == before {
        return Ok(Granted::Unchanged);
    }
    sqlx::query!(
        "update auth.role_permission set expires_at = $3, reason = $4 where role_id = $1 and permission_id = $2",
        role.0,
        permission.0,
        after.expires_at,
        after.reason,
    )
    .execute(conn)
    .await?;
    Ok(Granted::Changed { before, after })
}

/// Takes a directly granted permission back; answers the role of the person's direct grants there, if there was one, and
/// on which terms they had held the permission at `now`. The role goes with its last permission.
pub async fn revoke_direct(
    conn: &mut PgConnection,
    person: PersonId,
    service: ServiceId,
    permission: PermissionId,
    now: OffsetDateTime,
) -> Result<(Option<RoleId>, Option<GrantTerms>)> {
    gate::store::people::lock(&mut *conn, person).await?;
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
    let Some(role) = role else { return Ok((None, None)) };
    let revoked = sqlx::query_as!(
        GrantTerms,
        r#"
        delete from auth.role_permission
        where role_id = $1 and permission_id = $2 and auth.lasts(expires_at, $3)
        returning expires_at, reason
        "#,
        role.0,
        permission.0,
        now,
    )
    .fetch_optional(&mut *conn)
    .await?;
    delete_empty(conn, &[role.0]).await?;
    Ok((Some(role), revoked))
}

/// Deletes those of these direct roles, which are locked, that carry nothing.
pub(super) async fn delete_empty(conn: &mut PgConnection, roles: &[i32]) -> Result<()> {
    sqlx::query!(
        r#"
        delete from auth.role r
        where r.id = any ($1) and not exists (select from auth.role_permission rp where rp.role_id = r.id)
        "#,
        roles,
    )
    .execute(conn)
    .await?;
    Ok(())
}
