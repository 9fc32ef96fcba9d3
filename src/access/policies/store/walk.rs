//! A service's resources of one type, one after the other, as searches look at them.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::resources::{FoundResource, read, ways};
use crate::access::policies::language::Equality;
use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// Which resources a walk goes through: of one type, in the order in which they were told of.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'a> {
    pub service: ServiceId,
    pub kind: &'a str,
    /// Whose roles on them are looked at.
    pub person: Option<PersonId>,
    pub among: Among<'a>,
}

/// Which of them.
#[derive(Clone, Copy, Debug)]
pub enum Among<'a> {
    All,
    /// Those on which, or above which, the person holds a role: any, or one of these.
    Held(Option<&'a [i32]>),
    /// Those that are found by one of these, and perhaps some others.
    Having {
        /// From [`hashes`].
        hashes: &'a [i64],
        /// Those on which, or above which, the person holds a role, too.
        or_held: bool,
    },
}

/// The next ones after one, and what is known of each at `now`.
#[expect(clippy::too_many_lines, reason = "it is one statement")]
pub async fn next(
    conn: &mut PgConnection,
    walk: Walk<'_>,
    after: i32,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Vec<FoundResource>> {
    let (held, roles, hashes) = match walk.among {
        Among::All => (false, None, None),
        Among::Held(roles) => (true, roles, None),
        Among::Having { hashes, or_held } => (or_held, None, Some(hashes)),
    };
    let rows = sqlx::query!(
        r#"
        with held as materialized (
            select rr.resource_id, rr.role_id, null::integer as group_id, rr.expires_at
            from auth.resource_roles rr
            where rr.person_id = $5 and rr.service_id = $1 and auth.lasts(rr.expires_at, $8)
            union all
            select rr.resource_id, rr.role_id, rr.group_id, least(gp.expires_at, rr.expires_at)
            from auth.group_people gp
            join auth.resource_roles rr on rr.group_id = gp.group_id and rr.service_id = $1
            where gp.person_id = $5 and auth.lasts(gp.expires_at, $8) and auth.lasts(rr.expires_at, $8)
        ), near as materialized (
            -- Where many have the property, the next that has it is not far.
            select id, property_hashes
            from auth.resources
            where $9::bigint[] is not null and service_id = $1 and type = $2 and id > $3
            order by id
            limit 1000
        ), having_near as materialized (
            select id from near where property_hashes && $9 order by id limit $4
        ), chosen as materialized (
            select distinct id
            from (
                (
                    select id
                    from auth.resources
                    where not $6 and $9::bigint[] is null and service_id = $1 and type = $2 and id > $3
                    order by id
                    limit $4
                )
                union all
                select id from having_near
                union all
                (
                    select id
                    from (
                        -- Where few have it, by the index of properties alone.
                        select id, service_id, type
                        from auth.resources
                        where $9::bigint[] is not null
                          and (select count(*) = 1000 from near)
                          and (select count(*) < $4 from having_near)
                          and property_hashes && $9
                        offset 0
                    ) further
                    where service_id = $1 and type = $2 and id > (select max(id) from near)
                    order by id
                    limit $4
                )
                union all
                (
                    select distinct next.id
                    from (
                        select distinct resource_id from held where $7::integer[] is null or role_id = any ($7)
                    ) top
                    -- A page of each, however many lie beneath it.
                    cross join lateral (
                        select below.resource_id as id
                        from auth.resource_ancestors below
                        join auth.resources r on r.id = below.resource_id and r.type = $2
                        where below.ancestor_id = top.resource_id and below.resource_id > $3
                        order by below.resource_id
                        limit $4
                    ) next
                    where $6
                    order by next.id
                    limit $4
                )
            ) one
            order by id
            limit $4
        )
        select r.id, r.key, r.properties::text as "properties!",
               way.roles as "roles!", way.kinds as "kinds!", way.keys as "keys!",
               way.groups as "groups!: Vec<Option<i32>>", way.ends as "ends!: Vec<Option<OffsetDateTime>>"
        from chosen
        cross join lateral (select id, key, properties from auth.resources where id = chosen.id offset 0) r
        cross join lateral (
            select coalesce(array_agg(held.role_id), '{}') as roles, coalesce(array_agg(held_on.type), '{}') as kinds,
                   coalesce(array_agg(held_on.key), '{}') as keys, coalesce(array_agg(held.group_id), '{}') as groups,
                   coalesce(array_agg(held.expires_at), '{}') as ends
            from held
            join auth.resource_ancestors up on up.resource_id = chosen.id and up.ancestor_id = held.resource_id
            join auth.resources held_on on held_on.id = held.resource_id
        ) way
        order by r.id
        "#,
        walk.service.0,
        walk.kind,
        after,
        limit,
        walk.person.map(|person| person.0),
        held,
        roles,
        now,
        hashes as Option<&[i64]>,
    )
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter().map(|row| {
        let ways = ways(row.roles, (row.kinds, row.keys), row.groups, row.ends);
        Ok(FoundResource { id: row.id, key: row.key, properties: read(&row.properties)?, ways })
    });
    found.collect()
}

/// What resources of a type with one of these properties are found by.
pub async fn hashes(
    conn: &mut PgConnection,
    (service, kind): (ServiceId, &str),
    properties: &[Equality],
) -> Result<Vec<i64>> {
    let names: Vec<&str> = properties.iter().map(|property| property.name.as_str()).collect();
    let texts: Vec<Option<&str>> = properties.iter().map(|property| property.json.as_deref()).collect();
    let hashes = sqlx::query_scalar!(
        r#"
        select auth.property_hash($1, $2, property.name, written.text) as "hash!"
        from unnest($3::text[], $4::text[]) as property (name, text)
        cross join lateral (values (property.text), ('*')) as written (text)
        where written.text is not null
        union
        select auth.property_hash($1, $2, '', '*')
        "#,
        service.0,
        kind,
        &names as &[&str],
        &texts as &[Option<&str>],
    );
    Ok(hashes.fetch_all(conn).await?)
}
