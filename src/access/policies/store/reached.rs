//! The ids of resources that somebody reaches by roles on them, or above them, or in the service.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::base::error::Result;
use crate::base::id::{PersonId, ServiceId};

/// Whose ids are asked for: of resources of a type, on which somebody holds one of these roles, or all.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    pub service: ServiceId,
    pub person: PersonId,
    pub kind: &'a str,
    /// None: the person holds it in the service, and so on all.
    pub by_roles: Option<&'a [i32]>,
}

/// Of the resources that are reached at `now` those with these ids, and one more if there is any.
pub async fn among(
    conn: &mut PgConnection,
    reach: Reach<'_>,
    keys: &[String],
    now: OffsetDateTime,
) -> Result<Vec<String>> {
    let reached = sqlx::query_scalar!(
        r#"
        with beneath as materialized (
            select resource_id from auth.held_on($2, $1, $4, $6) where $4::integer[] is not null
        )
        (
            select r.key as "key!"
            from auth.resources r
            where r.service_id = $1 and r.type = $3 and r.key = any ($5)
              and ($4::integer[] is null or exists (
                  select
                  from beneath
                  join auth.resource_ancestors up on up.ancestor_id = beneath.resource_id
                  where up.resource_id = r.id
                  -- Of each what is above it, and never all that lies beneath.
                  offset 0
              ))
        )
        union
        (
            select r.key
            from auth.resources r
            where $4::integer[] is null and r.service_id = $1 and r.type = $3
            limit 1
        )
        union
        (
            -- Whichever comes first: they are not sorted.
            select r.key
            from beneath
            join auth.resource_ancestors below on below.ancestor_id = beneath.resource_id
            join auth.resources r on r.id = below.resource_id and r.type = $3
            limit 1
        )
        "#,
        reach.service.0,
        reach.person.0,
        reach.kind,
        reach.by_roles,
        keys,
        now,
    );
    Ok(reached.fetch_all(conn).await?)
}

/// Of the resources that are reached at `now` up to `limit`.
pub async fn up_to(conn: &mut PgConnection, reach: Reach<'_>, limit: i64, now: OffsetDateTime) -> Result<Vec<String>> {
    let reached = sqlx::query_scalar!(
        r#"
        with beneath as materialized (
            select resource_id from auth.held_on($2, $1, $4, $6) where $4::integer[] is not null
        )
        (
            select r.key as "key!"
            from auth.resources r
            where $4::integer[] is null and r.service_id = $1 and r.type = $3
            limit $5
        )
        union all
        (
            select distinct r.key
            from beneath
            join auth.resource_ancestors below on below.ancestor_id = beneath.resource_id
            join auth.resources r on r.id = below.resource_id and r.type = $3
            limit $5
        )
        "#,
        reach.service.0,
        reach.person.0,
        reach.kind,
        reach.by_roles,
        limit,
        now,
    );
    Ok(reached.fetch_all(conn).await?)
}
