//! Grants that are over, to be swept up.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::direct::delete_empty;
use crate::access::grants::{GrantTerms, Grantable};
use crate::base::error::Result;
use crate::base::id::{PermissionId, PersonId, RoleId, ServiceId};

#[derive(Debug)]
pub struct ExpiredGrant {
    pub person: PersonId,
    pub service: ServiceId,
    pub what: Grantable,
    pub terms: GrantTerms,
}

/// Whether any grant or key is over at `now`, and nobody was told yet.
pub async fn is_any_expired(conn: &mut PgConnection, now: OffsetDateTime) -> Result<bool> {
    let any = sqlx::query_scalar!(
        r#"
        -- The earliest of each: of a range alone Postgres might think that it is most of the table.
        select coalesce(
            (select true from auth.person_service_role where expires_at <= $1 order by expires_at limit 1),
            (select true from auth.role_permission where expires_at <= $1 order by expires_at limit 1),
            (select true from auth.group_service_role where expires_at <= $1 order by expires_at limit 1),
            (select true from auth.resource_roles where expires_at <= $1 order by expires_at limit 1),
            (
                select true
                from auth.api_keys
                where expires_at <= $1 and end_told_at is null
                order by expires_at
                limit 1
            ),
            (select true from auth.service_keys where expires_at <= $1 order by expires_at limit 1),
            false
        ) as "any!"
        "#,
        now,
    )
    .fetch_one(conn)
    .await?;
    Ok(any)
}

/// Deletes roles and single permissions that are over at `now`, up to `limit` of each. People whom somebody is changing
/// just now are left for the next time.
pub async fn sweep(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<ExpiredGrant>> {
    let mut swept = roles(&mut *conn, now, limit).await?;
    swept.extend(permissions(conn, now, limit).await?);
    Ok(swept)
}

async fn roles(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<ExpiredGrant>> {
    let over = sqlx::query!(
        r#"
        select person_id, service_id, role_id
        from auth.person_service_role
        where expires_at <= $1
        order by expires_at
        limit $2
        "#,
        now,
        limit,
    )
    .fetch_all(&mut *conn)
    .await?;
    if over.is_empty() {
        return Ok(Vec::new());
    }
    let free = lock_free(conn, &over.iter().map(|row| row.person_id).collect::<Vec<_>>()).await?;
    let over: Vec<_> = over.into_iter().filter(|row| free.contains(&row.person_id)).collect();
    // Somebody may have lengthened it before the person was locked. Who takes a role out of a service locks no people.
    let swept = sqlx::query!(
        r#"
        with over as (
            select psr.person_id, psr.service_id, psr.role_id
            from unnest($1::int[], $2::int[], $3::int[]) as over (person_id, service_id, role_id)
            join auth.person_service_role psr using (person_id, service_id, role_id)
            where psr.expires_at <= $4
            for update of psr skip locked
        )
        delete from auth.person_service_role psr
        using over
        where psr.person_id = over.person_id and psr.service_id = over.service_id and psr.role_id = over.role_id
        returning psr.person_id as "person: PersonId", psr.service_id as "service: ServiceId",
                  psr.role_id as "role: RoleId", psr.expires_at, psr.reason
        "#,
        &over.iter().map(|row| row.person_id).collect::<Vec<_>>(),
        &over.iter().map(|row| row.service_id).collect::<Vec<_>>(),
        &over.iter().map(|row| row.role_id).collect::<Vec<_>>(),
        now,
    )
    .fetch_all(conn)
    .await?;
    let swept = swept.into_iter().map(|row| ExpiredGrant {
        person: row.person,
        service: row.service,
        what: Grantable::Role(row.role),
        terms: GrantTerms { expires_at: row.expires_at, reason: row.reason },
    });
    Ok(swept.collect())
}

async fn permissions(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<ExpiredGrant>> {
    let over = sqlx::query!(
        r#"
        select rp.role_id, rp.permission_id, r.direct_person_id as "person_id!", r.direct_service_id as "service_id!"
        from auth.role_permission rp
        join auth.role r on r.id = rp.role_id
        where rp.expires_at <= $1
        order by rp.expires_at
        limit $2
        "#,
        now,
        limit,
    )
    .fetch_all(&mut *conn)
    .await?;
    if over.is_empty() {
        return Ok(Vec::new());
    }
    let free = lock_free(conn, &over.iter().map(|row| row.person_id).collect::<Vec<_>>()).await?;
    let over: Vec<_> = over.into_iter().filter(|row| free.contains(&row.person_id)).collect();
    let roles: Vec<i32> = over.iter().map(|row| row.role_id).collect();
    let roles =
        sqlx::query_scalar!("select id from auth.role where id = any ($1) order by id for update skip locked", &roles,)
            .fetch_all(&mut *conn)
            .await?;
    let over: Vec<_> = over.into_iter().filter(|row| roles.contains(&row.role_id)).collect();
    let swept = sqlx::query!(
        r#"
        delete from auth.role_permission rp
        using unnest($1::int[], $2::int[], $3::int[], $4::int[]) as over (role_id, permission_id, person_id, service_id)
        where rp.role_id = over.role_id and rp.permission_id = over.permission_id and rp.expires_at <= $5
        returning over.person_id as "person!: PersonId", over.service_id as "service!: ServiceId",
                  rp.permission_id as "permission: PermissionId", rp.expires_at, rp.reason
        "#,
        &over.iter().map(|row| row.role_id).collect::<Vec<_>>(),
        &over.iter().map(|row| row.permission_id).collect::<Vec<_>>(),
        &over.iter().map(|row| row.person_id).collect::<Vec<_>>(),
        &over.iter().map(|row| row.service_id).collect::<Vec<_>>(),
        now,
    )
    .fetch_all(&mut *conn)
    .await?;
    delete_empty(conn, &roles).await?;
    let swept = swept.into_iter().map(|row| ExpiredGrant {
        person: row.person,
        service: row.service,
        what: Grantable::Permission(row.permission),
        terms: GrantTerms { expires_at: row.expires_at, reason: row.reason },
    });
    Ok(swept.collect())
}

/// Locks those of these people whom nobody else has locked; answers who they are.
async fn lock_free(conn: &mut PgConnection, people: &[i32]) -> Result<Vec<i32>> {
    let free = sqlx::query_scalar!(
        "select id from auth.person where id = any ($1) order by id for no key update skip locked",
        people,
    )
    .fetch_all(conn)
    .await?;
    Ok(free)
}
