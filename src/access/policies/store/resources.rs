//! What services have said of resources, and who holds what on them: as decisions ask for it.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::subjects::Way;
use crate::access::policies::language::Row;
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, ServiceId};
use crate::platform::database::by_place;

/// A resource that is asked about, and by whom.
#[derive(Clone, Debug)]
pub struct SoughtResource {
    pub service: ServiceId,
    /// None for whoever is nobody in particular.
    pub person: Option<PersonId>,
    pub kind: String,
    pub key: String,
}

/// What is known of it.
#[derive(Clone, Debug)]
pub struct FoundResource {
    pub id: i32,
    pub key: String,
    /// What the service has said of it.
    pub properties: Row,
    /// What the person holds on it, and above it.
    pub ways: Vec<Way>,
}

/// What is known at `now` of each, in order; none where the service has told of no such resource.
pub async fn find_all(
    conn: &mut PgConnection,
    sought: &[SoughtResource],
    now: OffsetDateTime,
) -> Result<Vec<Option<FoundResource>>> {
    let services: Vec<i32> = sought.iter().map(|sought| sought.service.0).collect();
    let people: Vec<Option<i32>> = sought.iter().map(|sought| sought.person.map(|person| person.0)).collect();
    let kinds: Vec<&str> = sought.iter().map(|sought| sought.kind.as_str()).collect();
    let keys: Vec<&str> = sought.iter().map(|sought| sought.key.as_str()).collect();
    let rows = sqlx::query!(
        r#"
        select asked.place as "place!", r.id, r.key, r.properties::text as "properties!",
               held.roles as "roles!", held.kinds as "kinds!", held.keys as "keys!",
               held.groups as "groups!: Vec<Option<i32>>", held.ends as "ends!: Vec<Option<OffsetDateTime>>"
        from unnest($1::integer[], $2::integer[], $3::text[], $4::text[]) with ordinality
            as asked (service_id, person_id, type, key, place)
        cross join lateral (
            select id, key, properties
            from auth.resources
            where service_id = asked.service_id and type = asked.type and key = asked.key
            offset 0
        ) r
        cross join lateral (
            select coalesce(array_agg(w.role_id), '{}') as roles, coalesce(array_agg(held_on.type), '{}') as kinds,
                   coalesce(array_agg(held_on.key), '{}') as keys, coalesce(array_agg(w.group_id), '{}') as groups,
                   coalesce(array_agg(w.expires_at), '{}') as ends
            from auth.ways_on(asked.person_id, r.id, $5) w
            join auth.resources held_on on held_on.id = w.held_on
        ) held
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &services,
        &people as &[Option<i32>],
        &kinds as &[&str],
        &keys as &[&str],
        now,
    )
    .fetch_all(conn)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let ways = ways(row.roles, (row.kinds, row.keys), row.groups, row.ends);
        found.push((row.place, FoundResource { id: row.id, key: row.key, properties: read(&row.properties)?, ways }));
    }
    by_place(sought, found)
}

/// The types of which a service has told any resource, in order; at most so many.
pub async fn kinds(conn: &mut PgConnection, service: ServiceId, limit: i64) -> Result<Vec<String>> {
    let kinds = sqlx::query_scalar!(
        r#"
        with recursive kinds (type) as (
            (select type from auth.resources where service_id = $1 order by type limit 1)
            union all
            select (select r.type from auth.resources r where r.service_id = $1 and r.type > kinds.type order by r.type limit 1)
            from kinds
            where kinds.type is not null
        )
        select type as "type!" from kinds where type is not null limit $2
        "#,
        service.0,
        limit,
    );
    Ok(kinds.fetch_all(conn).await?)
}

/// A resource on which somebody holds roles.
#[derive(Debug)]
pub struct HeldResource {
    pub key: String,
    /// What the person holds on it, and above it.
    pub ways: Vec<Way>,
}

/// Resources of a type on which a person holds any role at `now`, or above which: up to `limit`, those that were told of first.
pub async fn held(
    conn: &mut PgConnection,
    (service, person, kind): (ServiceId, PersonId, &str),
    limit: i64,
    now: OffsetDateTime,
) -> Result<Vec<HeldResource>> {
    let rows = sqlx::query!(
        r#"
        with held as materialized (
            select rr.resource_id, rr.role_id, null::integer as group_id, rr.expires_at
            from auth.resource_roles rr
            where rr.person_id = $2 and rr.service_id = $1 and auth.lasts(rr.expires_at, $5)
            union all
            select rr.resource_id, rr.role_id, rr.group_id, least(gp.expires_at, rr.expires_at)
            from auth.group_people gp
            join auth.resource_roles rr on rr.group_id = gp.group_id and rr.service_id = $1
            where gp.person_id = $2 and auth.lasts(gp.expires_at, $5) and auth.lasts(rr.expires_at, $5)
        ), chosen as materialized (
            select distinct next.id, next.key
            from (select distinct resource_id from held) top
            cross join lateral (
                select r.id, r.key
                from auth.resource_ancestors below
                join auth.resources r on r.id = below.resource_id and r.type = $3
                where below.ancestor_id = top.resource_id
                order by below.resource_id
                limit $4
            ) next
            order by next.id
            limit $4
        )
        select chosen.key as "key!",
               way.roles as "roles!", way.kinds as "kinds!", way.keys as "keys!",
               way.groups as "groups!: Vec<Option<i32>>", way.ends as "ends!: Vec<Option<OffsetDateTime>>"
        from chosen
        cross join lateral (
            select coalesce(array_agg(held.role_id), '{}') as roles, coalesce(array_agg(held_on.type), '{}') as kinds,
                   coalesce(array_agg(held_on.key), '{}') as keys, coalesce(array_agg(held.group_id), '{}') as groups,
                   coalesce(array_agg(held.expires_at), '{}') as ends
            from held
            join auth.resource_ancestors up on up.resource_id = chosen.id and up.ancestor_id = held.resource_id
            join auth.resources held_on on held_on.id = held.resource_id
        ) way
        order by chosen.id
        "#,
        service.0,
        person.0,
        kind,
        limit,
        now,
    )
    .fetch_all(conn)
    .await?;
    let held = rows.into_iter().map(|row| {
        let ways = ways(row.roles, (row.kinds, row.keys), row.groups, row.ends);
        HeldResource { key: row.key, ways }
    });
    Ok(held.collect())
}

pub(super) fn ways(
    roles: Vec<i32>,
    (kinds, keys): (Vec<String>, Vec<String>),
    groups: Vec<Option<i32>>,
    ends: Vec<Option<OffsetDateTime>>,
) -> Vec<Way> {
    let held = roles.into_iter().zip(kinds.into_iter().zip(keys)).zip(groups).zip(ends);
    let way = |(((role, on), group), expires_at)| Way {
        role,
        permission: None,
        group,
        on: Some(on),
        expires_at,
        is_supposed: false,
    };
    held.map(way).collect()
}

pub(super) fn read(properties: &str) -> Result<Row> {
    serde_json::from_str(properties).map_err(|error| Error::Internal(error.into()))
}
