//! What the chain of hashes needs.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::app::trail::chain::{Link, StoredEvent};
use crate::base::error::Result;

fn link(position: i64, hash: &[u8]) -> Result<Link> {
    Ok(Link { position, hash: hash.try_into().map_err(anyhow::Error::from)? })
}

/// From here on the transaction sees one moment, and changes nothing.
pub async fn see_one_moment(conn: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql("set transaction isolation level repeatable read, read only").execute(conn).await?;
    Ok(())
}

/// Where the chain begins: its last link that was pruned. Where nothing legible says so, at its very beginning, for what
/// is missing to show.
pub async fn beginning(conn: &mut PgConnection) -> Result<Link> {
    let pruned =
        sqlx::query!("select position, hash from auth.audit_pruned where only_row").fetch_optional(conn).await?;
    Ok(pruned.and_then(|pruned| link(pruned.position, &pruned.hash).ok()).unwrap_or_default())
}

/// Whether the trail tells that it was pruned up to this link.
pub async fn is_pruning_told(conn: &mut PgConnection, up_to: Link) -> Result<bool> {
    let told = sqlx::query_scalar!(
        r#"
        select exists (
            select
            from auth.audit_events
            where action = 'audit.pruned'
              and after @> jsonb_build_object('position', $1::bigint, 'hash', $2::text)
        ) as "told!"
        "#,
        up_to.position,
        hex::encode(up_to.hash),
    )
    .fetch_one(conn)
    .await?;
    Ok(told)
}

/// The last link of the chain.
pub async fn head(conn: &mut PgConnection) -> Result<Link> {
    let last = sqlx::query!("select position, hash from auth.audit_seals order by position desc limit 1")
        .fetch_optional(&mut *conn)
        .await?;
    match last {
        Some(last) => link(last.position, &last.hash),
        None => beginning(conn).await,
    }
}

/// Events that have no seal yet, in the order of their ids.
pub async fn unsealed(conn: &mut PgConnection, limit: i64) -> Result<Vec<StoredEvent>> {
    let ids = sqlx::query_scalar!("select event_id from auth.audit_unsealed order by event_id limit $1", limit)
        .fetch_all(&mut *conn)
        .await?;
    stored(conn, &ids).await
}

/// How many events have no seal yet.
pub async fn count_unsealed(conn: &mut PgConnection) -> Result<u64> {
    let count = sqlx::query_scalar!(r#"select count(*) as "count!" from auth.audit_unsealed"#).fetch_one(conn).await?;
    Ok(count.unsigned_abs())
}

/// Events as they are stored, in the order of their ids.
pub async fn stored(conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<StoredEvent>> {
    let events = sqlx::query_as!(
        StoredEvent,
        r#"
        select id, at, action, actor, actor_id, subject_id, service_id, request_id, address::text as address, client_id,
               before::text as before, after::text as after, api_key_id
        from auth.audit_events
        where id = any ($1)
        order by id
        "#,
        ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(events)
}

/// Seals events; fails when somebody else has given one of the positions or sealed one of the events.
pub async fn seal(conn: &mut PgConnection, links: &[(i64, Link)], now: OffsetDateTime) -> Result<()> {
    let events: Vec<i64> = links.iter().map(|(event, _)| *event).collect();
    let positions: Vec<i64> = links.iter().map(|(_, link)| link.position).collect();
    let hashes: Vec<&[u8]> = links.iter().map(|(_, link)| link.hash.as_slice()).collect();
    sqlx::query!(
        r#"
        with sealed as (
            insert into auth.audit_seals (position, event_id, hash, sealed_at)
            select position, event_id, hash, $4
            from unnest($1::bigint[], $2::bigint[], $3::bytea[]) as link (position, event_id, hash)
            returning event_id
        )
        delete from auth.audit_unsealed
        where event_id in (select event_id from sealed)
        "#,
        &positions,
        &events,
        &hashes as &[&[u8]],
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A link as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Seal {
    pub link: Link,
    pub event_id: i64,
}

/// The links after a position, in order.
pub async fn seals(conn: &mut PgConnection, after: i64, limit: i64) -> Result<Vec<Seal>> {
    let rows = sqlx::query!(
        "select position, event_id, hash from auth.audit_seals where position > $1 order by position limit $2",
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| Ok(Seal { link: link(row.position, &row.hash)?, event_id: row.event_id })).collect()
}

/// Events that neither have a seal nor wait for one: nobody wrote them in the way events are written.
pub async fn slipped_in(conn: &mut PgConnection, limit: i64) -> Result<Vec<i64>> {
    let ids = sqlx::query_scalar!(
        r#"
        select e.id
        from auth.audit_events e
        where not exists (select from auth.audit_seals s where s.event_id = e.id)
          and not exists (select from auth.audit_unsealed u where u.event_id = e.id)
        order by e.id
        limit $1
        "#,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(ids)
}

/// Events that wait for their seal and are not there.
pub async fn lost_before_their_seal(conn: &mut PgConnection, limit: i64) -> Result<Vec<i64>> {
    let ids = sqlx::query_scalar!(
        r#"
        select u.event_id
        from auth.audit_unsealed u
        where not exists (select from auth.audit_events e where e.id = u.event_id)
        order by u.event_id
        limit $1
        "#,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(ids)
}

/// Takes up to `batch` sealed events that happened before a moment from the old end; answers how many, and where the
/// chain begins then.
pub async fn prune(conn: &mut PgConnection, happened_before: OffsetDateTime, batch: i32) -> Result<(u64, Link)> {
    let pruned = sqlx::query_scalar!(
        r#"select count as "count!" from auth.prune_audit_events($1, $2)"#,
        happened_before,
        batch,
    )
    .fetch_one(&mut *conn)
    .await?;
    Ok((u64::from(pruned.unsigned_abs()), beginning(conn).await?))
}
