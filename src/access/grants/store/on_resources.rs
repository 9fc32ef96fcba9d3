//! The table `auth.resource_roles`, as reviews and the sweep of what is over have it.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::access::grants::GrantTerms;
use crate::access::grants::on_resources::ResourceGrant;
use crate::base::error::Result;
use crate::base::id::{GroupId, PersonId, RoleId, ServiceId};

struct Row {
    id: i32,
    service: ServiceId,
    kind: String,
    key: String,
    role: RoleId,
    person: Option<PersonId>,
    group: Option<GroupId>,
    expires_at: Option<OffsetDateTime>,
    reason: Option<String>,
}

impl From<Row> for ResourceGrant {
    fn from(row: Row) -> Self {
        let Row { id, service, kind, key, role, person, group, expires_at, reason } = row;
        Self { id, service, kind, key, role, person, group, terms: GrantTerms { expires_at, reason } }
    }
}

/// Those of these roles on a service's resources that are held at `now`.
pub async fn find(
    conn: &mut PgConnection,
    service: ServiceId,
    ids: &BTreeSet<i32>,
    now: OffsetDateTime,
) -> Result<Vec<ResourceGrant>> {
    let ids: Vec<i32> = ids.iter().copied().collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select given.id, given.service_id as "service: ServiceId", r.type as kind, r.key, given.role_id as "role: RoleId",
               given.person_id as "person: PersonId", given.group_id as "group: GroupId", given.expires_at, given.reason
        from auth.resource_roles given
        join auth.resources r on r.id = given.resource_id
        where given.service_id = $1 and given.id = any ($2) and auth.lasts(given.expires_at, $3)
        order by given.id
        "#,
        service.0,
        &ids,
        now,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(ResourceGrant::from).collect())
}

/// Notes that somebody reviewed these and left them; answers those that are held at `now`.
pub async fn confirm(
    conn: &mut PgConnection,
    service: ServiceId,
    ids: &BTreeSet<i32>,
    by: PersonId,
    now: OffsetDateTime,
) -> Result<Vec<ResourceGrant>> {
    let ids: Vec<i32> = ids.iter().copied().collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        update auth.resource_roles given
        set confirmed_at = $3, confirmed_by = $4
        from auth.resources r
        where r.id = given.resource_id
          and given.service_id = $1
          and given.id = any ($2)
          and auth.lasts(given.expires_at, $3)
        returning given.id, given.service_id as "service: ServiceId", r.type as kind, r.key, given.role_id as "role: RoleId",
                  given.person_id as "person: PersonId", given.group_id as "group: GroupId", given.expires_at, given.reason
        "#,
        service.0,
        &ids,
        now,
        by.0,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(ResourceGrant::from).collect())
}

/// Takes these away; answers those that were held at `now`.
pub async fn revoke(
    conn: &mut PgConnection,
    service: ServiceId,
    ids: &BTreeSet<i32>,
    now: OffsetDateTime,
) -> Result<Vec<ResourceGrant>> {
    let ids: Vec<i32> = ids.iter().copied().collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        delete from auth.resource_roles given
        using auth.resources r
        where r.id = given.resource_id
          and given.service_id = $1
          and given.id = any ($2)
          and auth.lasts(given.expires_at, $3)
        returning given.id, given.service_id as "service: ServiceId", r.type as kind, r.key, given.role_id as "role: RoleId",
                  given.person_id as "person: PersonId", given.group_id as "group: GroupId", given.expires_at, given.reason
        "#,
        service.0,
        &ids,
        now,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(ResourceGrant::from).collect())
}

/// Deletes those that are over at `now`, up to `limit`; those that somebody is changing just now are left for the next time.
pub async fn sweep(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<ResourceGrant>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        with over as (
            select id from auth.resource_roles where expires_at <= $1 order by expires_at limit $2
            for update skip locked
        )
        delete from auth.resource_roles given
        using auth.resources r
        where given.id = any (array(select id from over)) and r.id = given.resource_id
        returning given.id, given.service_id as "service: ServiceId", r.type as kind, r.key, given.role_id as "role: RoleId",
                  given.person_id as "person: PersonId", given.group_id as "group: GroupId", given.expires_at, given.reason
        "#,
        now,
        limit,
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(ResourceGrant::from).collect())
}
