//! The table `auth.group_service_role`.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::offer;
use crate::access::grants::review::{GroupGrants, Reviewer};
use crate::access::grants::{GrantTerms, Granted, GroupRole, RequestedTerms};
use crate::access::roles::Role;
use crate::access::services::Service;
use crate::base::error::{OnConstraint, Result};
use crate::base::id::{GroupId, Id, PersonId, RoleId, ServiceId};
use crate::platform::http::{Page, Total};

/// A role that a group holds in a service.
pub type RoleOfGroup = (GroupId, ServiceId, RoleId);

/// The terms on which a group holds a role in a service at `now`.
pub async fn current_terms(
    conn: &mut PgConnection,
    (group, service, role): RoleOfGroup,
    now: OffsetDateTime,
) -> Result<Option<GrantTerms>> {
    let current = sqlx::query_as!(
        GrantTerms,
        r#"
        select expires_at, reason
        from auth.group_service_role
        where group_id = $1 and service_id = $2 and role_id = $3 and auth.lasts(expires_at, $4)
        "#,
        group.0,
        service.0,
        role.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(current)
}

/// Whether a group holds anything in a service, or on one of its resources, at `now`.
pub async fn holds_anything(
    conn: &mut PgConnection,
    group: GroupId,
    service: ServiceId,
    now: OffsetDateTime,
) -> Result<bool> {
    let holds = sqlx::query_scalar!(
        r#"
        select exists (
            select from auth.group_service_role
            where group_id = $1 and service_id = $2 and auth.lasts(expires_at, $3)
        ) or exists (
            select from auth.resource_roles
            where group_id = $1 and service_id = $2 and auth.lasts(expires_at, $3)
        ) as "holds!"
        "#,
        group.0,
        service.0,
        now,
    )
    .fetch_one(conn)
    .await?;
    Ok(holds)
}

/// Gives a group a role in a service, which offers it from then on, or changes the terms on which it holds it; twice is safe.
/// Groups are locked.
pub async fn grant(
    conn: &mut PgConnection,
    (group, service, role): RoleOfGroup,
    terms: &RequestedTerms,
) -> Result<Granted> {
    offer(conn, service, role).await?;
    let found = sqlx::query_as!(
        GrantTerms,
        r#"
        select expires_at, reason
        from auth.group_service_role
        where group_id = $1 and service_id = $2 and role_id = $3
        for no key update
        "#,
        group.0,
        service.0,
        role.0,
    )
    .fetch_optional(&mut *conn)
    .await?;
    match found {
        Some(before) if !before.is_over(terms.now) => change(conn, (group, service, role), before, terms).await,
        over => {
            give(conn, (group, service, role), terms).await?;
            Ok(Granted::Added { over, now: terms.anew() })
        }
    }
}

/// What is over and was not swept up yet makes room for a new grant.
async fn give(conn: &mut PgConnection, (group, service, role): RoleOfGroup, terms: &RequestedTerms) -> Result<()> {
    sqlx::query!(
        r#"
        insert into auth.group_service_role (group_id, service_id, role_id, created_at, expires_at, reason, granted_by)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict on constraint group_service_role_pkey do update
        set created_at = excluded.created_at, expires_at = excluded.expires_at, reason = excluded.reason,
            granted_by = excluded.granted_by, confirmed_at = null, confirmed_by = null
        "#,
        group.0,
        service.0,
        role.0,
        terms.now,
        terms.anew().expires_at,
        terms.anew().reason,
        terms.by.map(|by| by.0),
    )
    .execute(conn)
    .await
    .on_constraint("group_service_role_offer_fkey", RoleId::not_found())
    .on_constraint("group_service_role_group_fkey", GroupId::not_found())?;
    Ok(())
}

async fn change(
    conn: &mut PgConnection,
    (group, service, role): RoleOfGroup,
    before: GrantTerms,
    terms: &RequestedTerms,
) -> Result<Granted> {
    let after = terms.over(&before);
    if after == before {
        return Ok(Granted::Unchanged);
    }
    sqlx::query!(
        r#"
        update auth.group_service_role
        set expires_at = $4, reason = $5
        where group_id = $1 and service_id = $2 and role_id = $3
        "#,
        group.0,
        service.0,
        role.0,
        after.expires_at,
        after.reason,
    )
    .execute(conn)
    .await?;
    Ok(Granted::Changed { before, after })
}

/// Takes a role in a service from a group; twice is safe. Answers on which terms it had held it at `now`.
pub async fn revoke(
    conn: &mut PgConnection,
    (group, service, role): RoleOfGroup,
    now: OffsetDateTime,
) -> Result<Option<GrantTerms>> {
    let revoked = sqlx::query_as!(
        GrantTerms,
        r#"
        delete from auth.group_service_role
        where group_id = $1 and service_id = $2 and role_id = $3 and auth.lasts(expires_at, $4)
        returning expires_at, reason
        "#,
        group.0,
        service.0,
        role.0,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(revoked)
}

/// Notes that somebody reviewed these roles of groups and left them; answers those that are held at `now`, and on which terms.
pub async fn confirm(
    conn: &mut PgConnection,
    service: ServiceId,
    grants: &GroupGrants,
    by: PersonId,
    now: OffsetDateTime,
) -> Result<Vec<(GroupId, RoleId, GrantTerms)>> {
    let (groups, roles): (Vec<i32>, Vec<i32>) = grants.iter().map(|(group, role)| (group.0, role.0)).unzip();
    let rows = sqlx::query!(
        r#"
        update auth.group_service_role given
        set confirmed_at = $4, confirmed_by = $5
        from unnest($2::int[], $3::int[]) as these (group_id, role_id)
        where given.group_id = these.group_id
          and given.service_id = $1
          and given.role_id = these.role_id
          and auth.lasts(given.expires_at, $4)
        returning given.group_id as "group: GroupId", given.role_id as "role: RoleId", given.expires_at, given.reason
        "#,
        service.0,
        &groups,
        &roles,
        now,
        by.0,
    )
    .fetch_all(conn)
    .await?;
    let confirmed = rows
        .into_iter()
        .map(|row| (row.group, row.role, GrantTerms { expires_at: row.expires_at, reason: row.reason }));
    Ok(confirmed.collect())
}

/// One page of the roles that a group itself holds at `now`, those that were given first at its beginning.
pub async fn list(conn: &mut PgConnection, group: GroupId, page: &Page, now: OffsetDateTime) -> Result<Vec<GroupRole>> {
    let rows = Total::rows(conn, page, |page| {
        sqlx::query!(
            r#"
            select given.id, given.service_id as "service_id: ServiceId", s.name as service,
                   s.description as service_description, s.claims, given.role_id as "role_id: RoleId", r.name as "role!",
                   r.description as role_description, given.created_at, given.expires_at, given.reason,
                   giver.id as "giver_id?: PersonId", giver.username as "giver?"
            from auth.group_service_role given
            join auth.services s on s.id = given.service_id
            cross join lateral (select name, description from auth.role where id = given.role_id offset 0) r
            left join auth.person giver on giver.id = given.granted_by
            where given.group_id = $1
              and given.id > $2
              and ($3::text is null or auth.fold(r.name) ^@ $3)
              and auth.lasts(given.expires_at, $5)
            order by given.id
            limit $4
            "#,
            group.0,
            page.after(0),
            page.prefix(),
            page.fetch(),
            now,
        )
    })
    .await?;
    let rows = rows.into_iter().map(|row| GroupRole {
        id: row.id,
        service: Service {
            id: row.service_id,
            name: row.service,
            description: row.service_description,
            claims: row.claims,
        },
        role: Role { id: row.role_id, name: row.role, description: row.role_description },
        since: row.created_at,
        granted_by: row.giver_id.zip(row.giver).map(|(id, username)| Reviewer { id, username }),
        reason: row.reason,
        expires_at: row.expires_at,
    });
    Ok(rows.collect())
}

/// A role of a group that has come to its end.
#[derive(Debug)]
pub struct ExpiredGroupGrant {
    pub group: GroupId,
    pub service: ServiceId,
    pub role: RoleId,
    pub terms: GrantTerms,
}

/// Deletes roles of groups that are over at `now`, up to `limit`; those that somebody is changing just now are left for the next
/// time.
pub async fn sweep(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<ExpiredGroupGrant>> {
    let swept = sqlx::query!(
        r#"
        with over as (
            select id from auth.group_service_role where expires_at <= $1 order by expires_at limit $2
            for update skip locked
        )
        delete from auth.group_service_role given
        using over
        where given.id = over.id
        returning given.group_id as "group: GroupId", given.service_id as "service: ServiceId",
                  given.role_id as "role: RoleId", given.expires_at, given.reason
        "#,
        now,
        limit,
    )
    .fetch_all(conn)
    .await?;
    let swept = swept.into_iter().map(|row| ExpiredGroupGrant {
        group: row.group,
        service: row.service,
        role: row.role,
        terms: GrantTerms { expires_at: row.expires_at, reason: row.reason },
    });
    Ok(swept.collect())
}
